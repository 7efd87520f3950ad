// Frames over DPDK's mbufs.
//
// Theory of operation. A packet::Frame lives in its mbuf's private area, so one is found from the
// other by arithmetic and nothing is allocated. A received mbuf is attached (its Frame is written
// from it) and a frame that leaves is written back (data offset, length, checksums). References are
// the mbuf's own reference count: a frame that TCP retains survives its transmission, and whoever
// drops the last reference, worker or driver, returns it to the pool. For that reason ports never
// use RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE, which ignores the count.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "dataplane/packet/frame.h"

namespace postern::ports {

// Whether a port fills IPv4 and TCP checksums itself.
enum class ChecksumOffload : uint8_t { kNone, kIpAndTcp };

// One pool; all workers share it (DPDK keeps a cache for each lcore).
class MbufFrameSource final : public packet::FrameSource {
 public:
  // A pool of `frames` buffers with room for frames of `frame_bytes`, made in the EAL's memory.
  static std::expected<std::unique_ptr<MbufFrameSource>, std::string> create(
      const std::string& name, uint32_t frames, uint32_t frame_bytes);
  // Memory that such a pool takes, in bytes: almost twice as much without huge pages.
  static uint64_t memory_needed(uint32_t frames, uint32_t frame_bytes, bool huge_pages);
  ~MbufFrameSource() override;

  packet::Frame* allocate() override;
  void retain(packet::Frame* frame) override { rte_mbuf_refcnt_update(mbuf_of(frame), 1); }
  void release(packet::Frame* frame) override { rte_pktmbuf_free(mbuf_of(frame)); }

  // The frame of a received mbuf, with the mbuf's reference. Null: it came in several segments that
  // do not fit in one buffer; it has been freed.
  packet::Frame* attach(rte_mbuf* mbuf);
  // Writes the frame back into its mbuf, ready to be sent once by a port with `offload`.
  static rte_mbuf* write_back(packet::Frame* frame, ChecksumOffload offload);

  static rte_mbuf* mbuf_of(packet::Frame* frame) {
    return reinterpret_cast<rte_mbuf*>(reinterpret_cast<char*>(frame) - sizeof(rte_mbuf));
  }
  rte_mempool* pool() const { return pool_; }
  uint32_t frames_free() const { return rte_mempool_avail_count(pool_); }

 private:
  explicit MbufFrameSource(rte_mempool* pool) : pool_(pool) {}
  rte_mempool* pool_;
};

}  // namespace postern::ports
