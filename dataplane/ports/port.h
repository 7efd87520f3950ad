// One of the two ports: opened, configured and watched. Workers use its queues through lanes
// (lane.h); everything here is the main thread's.
#pragma once

#include <rte_ethdev.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "dataplane/packet/frame.h"
#include "dataplane/ports/eal.h"
#include "dataplane/ports/mbuf_frame_source.h"

namespace postern::ports {

constexpr std::string_view side_name(packet::Side side) {
  return side == packet::Side::kInside ? "inside" : "outside";
}

// What a port's driver says that it can do, as far as the distribution of flows depends on it.
struct Capabilities {
  uint16_t port = 0;
  std::string driver;
  uint16_t rx_queues = 1, tx_queues = 1;  // most
  uint64_t rss_types = 0;                 // RTE_ETH_RSS_…
  uint8_t rss_key_bytes = 0;
  uint16_t rss_table_entries = 0;
  bool ip_and_tcp_checksums = false;  // fills both on sending

  // Of a device that the EAL has started. The error says what to run.
  static std::expected<Capabilities, std::string> of(const Device& device);
};

// How flows are spread over workers so that both directions of one meet.
enum class Distribution : uint8_t {
  kSingle,    // one worker polls both ports
  kRss,       // both NICs hash symmetrically: worker n polls queue n of both
  kSoftware,  // a distributor reads both ports and feeds the workers by rings
};

// RSS when both ports have the queues, hash types, a key that we can set and tables of one size;
// otherwise software. `allow_rss` false: never RSS.
Distribution choose_distribution(const Capabilities& inside, const Capabilities& outside,
                                 uint16_t workers, bool allow_rss);

struct PortConfig {
  packet::Side side = packet::Side::kInside;
  uint16_t mtu = 1500;
  uint16_t rx_queues = 1, tx_queues = 1;
  bool rss = false;
  uint16_t descriptors = 1024;  // of each queue, as near as the driver goes
};

// What ethdev counts of a port.
struct PortStatistics {
  uint64_t received = 0, sent = 0;
  uint64_t missed = 0;     // received by the NIC, but no descriptor was free
  uint64_t no_buffer = 0;  // received, but the pool was empty
  uint64_t errors_in = 0, errors_out = 0;
};

class Port {
 public:
  // Configured, started, promiscuous. The error names the port and the setting.
  static std::expected<std::unique_ptr<Port>, std::string> open(const Device& device,
                                                                const Capabilities& capabilities,
                                                                const PortConfig& config,
                                                                rte_mempool* pool);
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  uint16_t id() const { return id_; }
  packet::Side side() const { return config_.side; }
  const std::string& name() const { return name_; }
  ChecksumOffload checksum_offload() const { return checksum_offload_; }

  // True when the link came up or went down since the last call (or it is the first).
  bool link_changed();
  bool link_up() const { return link_.link_status == RTE_ETH_LINK_UP; }
  // Any thread: what the driver says now; one line of side, device, link and statistics.
  PortStatistics statistics() const;
  std::string describe() const;

 private:
  Port(const Device& device, const Capabilities& capabilities, const PortConfig& config);
  std::expected<void, std::string> configure(const Capabilities& capabilities);
  std::expected<void, std::string> set_up_queues(rte_mempool* pool);
  std::expected<void, std::string> fill_rss_table(uint16_t entries);
  std::expected<void, std::string> start();
  std::unexpected<std::string> failed(std::string_view what, int code) const;

  std::string name_;
  uint16_t id_;
  PortConfig config_;
  ChecksumOffload checksum_offload_;
  rte_eth_link link_{};
  bool link_seen_ = false;
};

}  // namespace postern::ports
