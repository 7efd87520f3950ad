#include "dataplane/ports/mbuf_frame_source.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include <algorithm>
#include <new>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/parse.h"

namespace postern::ports {
namespace {

constexpr uint16_t kPrivateBytes = RTE_ALIGN_CEIL(sizeof(packet::Frame), RTE_MBUF_PRIV_ALIGN);
constexpr uint32_t kCachePerLcore = 256;

uint16_t data_room(uint32_t frame_bytes) {
  const uint32_t room = std::max<uint32_t>(frame_bytes, RTE_MBUF_DEFAULT_DATAROOM);
  return static_cast<uint16_t>(std::min<uint32_t>(room + RTE_PKTMBUF_HEADROOM, UINT16_MAX));
}

// Asks the NIC for the checksums: it wants the pseudo header's sum in place of TCP's. False: this
// frame is not of the plain kind (at most two VLAN tags, no IPv6 extension header) that every NIC
// with checksum offload understands.
bool request_checksums(packet::Frame* frame, rte_mbuf* mbuf) {
  const packet::TcpPacket packet = packet::parse(*frame);
  const uint16_t l3_length = packet.l4_offset - packet.l3_offset;
  if (packet.kind != packet::Kind::kTcp || packet.l3_offset > RTE_ETHER_HDR_LEN + 8 ||
      (packet.is_v6 && l3_length != sizeof(rte_ipv6_hdr)))
    return false;
  uint8_t* l3 = frame->data() + packet.l3_offset;
  auto* tcp = reinterpret_cast<rte_tcp_hdr*>(l3 + l3_length);
  mbuf->l2_len = packet.l3_offset;
  mbuf->l3_len = l3_length;
  mbuf->l4_len = packet.payload_offset - packet.l4_offset;
  mbuf->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
  if (packet.is_v6) {
    mbuf->ol_flags |= RTE_MBUF_F_TX_IPV6;
    tcp->cksum = rte_ipv6_phdr_cksum(reinterpret_cast<rte_ipv6_hdr*>(l3), mbuf->ol_flags);
  } else {
    auto* ip = reinterpret_cast<rte_ipv4_hdr*>(l3);
    mbuf->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
    ip->hdr_checksum = 0;
    tcp->cksum = rte_ipv4_phdr_cksum(ip, mbuf->ol_flags);
  }
  return true;
}

bool checksums_verified(const rte_mbuf& mbuf) {
  const bool l4 = (mbuf.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  const bool ip = (mbuf.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD;
  // IPv6 has no header checksum that could be good.
  return l4 && (ip || RTE_ETH_IS_IPV6_HDR(mbuf.packet_type));
}

}  // namespace

uint64_t MbufFrameSource::memory_needed(uint32_t frames, uint32_t frame_bytes, bool huge_pages) {
  // Before each element stands a header, and DPDK adds up to two cache lines to spread elements
  // over memory channels.
  const uint64_t element = RTE_ALIGN_CEIL(sizeof(rte_mbuf) + kPrivateBytes + data_room(frame_bytes),
                                          RTE_CACHE_LINE_SIZE) +
                           3 * RTE_CACHE_LINE_SIZE;
  // No element lies across a page's end unless it is longer than a page. The pool's ring has up to
  // two slots for each.
  const uint64_t page = huge_pages ? 2048 * 1024 : 4096;
  const uint64_t share = element <= page ? page / (page / element) : RTE_ALIGN_CEIL(element, page);
  return frames * (share + 2 * sizeof(void*));
}

std::expected<std::unique_ptr<MbufFrameSource>, std::string> MbufFrameSource::create(
    const std::string& name, uint32_t frames, uint32_t frame_bytes) {
  rte_mempool* pool =
      rte_pktmbuf_pool_create(name.c_str(), frames, std::min(kCachePerLcore, frames / 4),
                              kPrivateBytes, data_room(frame_bytes), SOCKET_ID_ANY);
  if (pool == nullptr)
    return std::unexpected(fmt::format(
        "no memory for {} frames: {}. Reserve more huge pages, or lower limits.held_mib", frames,
        rte_strerror(rte_errno)));
  return std::unique_ptr<MbufFrameSource>(new MbufFrameSource(pool));
}

MbufFrameSource::~MbufFrameSource() { rte_mempool_free(pool_); }

packet::Frame* MbufFrameSource::allocate() {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
  return mbuf == nullptr ? nullptr : attach(mbuf);
}

packet::Frame* MbufFrameSource::attach(rte_mbuf* mbuf) {
  if (mbuf->nb_segs > 1 && rte_pktmbuf_linearize(mbuf) != 0) {
    rte_pktmbuf_free(mbuf);
    return nullptr;
  }
  return new (rte_mbuf_to_priv(mbuf)) packet::Frame{
      .buffer = static_cast<uint8_t*>(mbuf->buf_addr),
      .capacity = mbuf->buf_len,
      .offset = mbuf->data_off,
      .length = mbuf->data_len,
      .checksum_trusted = checksums_verified(*mbuf),
      .checksum_needed = false,
      .source = this,
  };
}

rte_mbuf* MbufFrameSource::write_back(packet::Frame* frame, ChecksumOffload offload) {
  rte_mbuf* mbuf = mbuf_of(frame);
  mbuf->data_off = static_cast<uint16_t>(frame->offset);
  mbuf->data_len = static_cast<uint16_t>(frame->length);
  mbuf->pkt_len = frame->length;
  // Flags from reception say nothing to a sending port; those that describe the buffer stay.
  mbuf->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
  mbuf->tx_offload = 0;
  if (frame->checksum_needed &&
      (offload == ChecksumOffload::kNone || !request_checksums(frame, mbuf))) {
    packet::fill_checksums(*frame);
    frame->checksum_needed = false;
  }
  return mbuf;
}

}  // namespace postern::ports
