#include "dataplane/ports/port.h"

#include <fmt/format.h>
#include <rte_errno.h>

#include <algorithm>
#include <vector>

#include "dataplane/ports/rss.h"

namespace postern::ports {
namespace {

// TCP must be hashed with its ports; the rest by address where the NIC can, else it all goes to
// the first queue, which keeps it in order too.
constexpr uint64_t kNeededRss = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP;
constexpr uint64_t kWantedRss = kNeededRss | RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 |
                                RTE_ETH_RSS_NONFRAG_IPV4_OTHER | RTE_ETH_RSS_IPV6 |
                                RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER;

constexpr uint64_t kChecksumsOut = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
constexpr uint64_t kChecksumsIn = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;

// Software devices that announce RSS and do not hash every frame that they deliver.
bool hashes_truly(const std::string& driver) { return driver != "net_tap" && driver != "net_null"; }

bool has_symmetric_rss(const Capabilities& port, uint16_t workers) {
  return hashes_truly(port.driver) && port.rx_queues >= workers && port.tx_queues >= workers &&
         (port.rss_types & kNeededRss) == kNeededRss && port.rss_key_bytes >= 40 &&
         port.rss_table_entries >= workers;
}

}  // namespace

std::expected<Capabilities, std::string> Capabilities::of(const Device& device) {
  Capabilities capabilities;
  rte_eth_dev_info info;
  if (rte_eth_dev_get_port_by_name(device.port_name.c_str(), &capabilities.port) != 0 ||
      rte_eth_dev_info_get(capabilities.port, &info) != 0) {
    if (device.pci)
      return std::unexpected(fmt::format(
          "no DPDK driver has taken {}. Unless its driver stays in the kernel (mlx5), bind it:\n"
          "  dpdk-devbind.py --bind=vfio-pci {}\n"
          "`dpdk-devbind.py --status` shows what is bound to what",
          device.port_name, device.port_name));
    return std::unexpected(
        fmt::format("DPDK could not make the device \"{}\"; its own messages above say why. `ip "
                    "link` lists the "
                    "interfaces that net_af_packet and net_af_xdp can use",
                    device.argument));
  }
  capabilities.driver = info.driver_name;
  // The kernel would spread frames over queues that nobody reads.
  if (capabilities.driver == "net_af_packet" && info.max_rx_queues > 1)
    return std::unexpected(
        fmt::format("{}: leave qpairs out, flows are spread by a distributor", device.argument));
  capabilities.rx_queues = info.max_rx_queues;
  capabilities.tx_queues = info.max_tx_queues;
  capabilities.rss_types = info.flow_type_rss_offloads;
  capabilities.rss_key_bytes = info.hash_key_size;
  capabilities.rss_table_entries = info.reta_size;
  capabilities.ip_and_tcp_checksums = (info.tx_offload_capa & kChecksumsOut) == kChecksumsOut;
  return capabilities;
}

Distribution choose_distribution(const Capabilities& inside, const Capabilities& outside,
                                 uint16_t workers, bool allow_rss) {
  if (workers == 1) return Distribution::kSingle;
  const bool rss = allow_rss && has_symmetric_rss(inside, workers) &&
                   has_symmetric_rss(outside, workers) &&
                   inside.rss_table_entries == outside.rss_table_entries;
  return rss ? Distribution::kRss : Distribution::kSoftware;
}

Port::Port(const Device& device, const Capabilities& capabilities, const PortConfig& config)
    : name_(device.port_name),
      id_(capabilities.port),
      config_(config),
      checksum_offload_(capabilities.ip_and_tcp_checksums ? ChecksumOffload::kIpAndTcp
                                                          : ChecksumOffload::kNone) {}

std::unexpected<std::string> Port::failed(std::string_view what, int code) const {
  return std::unexpected(fmt::format("ports.{} ({}): {}: {}", side_name(config_.side), name_, what,
                                     rte_strerror(code < 0 ? -code : code)));
}

std::expected<std::unique_ptr<Port>, std::string> Port::open(const Device& device,
                                                             const Capabilities& capabilities,
                                                             const PortConfig& config,
                                                             rte_mempool* pool) {
  std::unique_ptr<Port> port(new Port(device, capabilities, config));
  if (auto done = port->configure(capabilities); !done) return std::unexpected(done.error());
  if (auto done = port->set_up_queues(pool); !done) return std::unexpected(done.error());
  if (auto done = port->start(); !done) return std::unexpected(done.error());
  // The table can be written only once the port runs (some drivers) and before traffic matters.
  if (config.rss)
    if (auto done = port->fill_rss_table(capabilities.rss_table_entries); !done)
      return std::unexpected(done.error());
  return port;
}

std::expected<void, std::string> Port::configure(const Capabilities& capabilities) {
  rte_eth_dev_info info;
  if (const int code = rte_eth_dev_info_get(id_, &info); code != 0)
    return failed("device info", code);

  rte_eth_conf configuration{};
  configuration.rxmode.mtu = config_.mtu;
  configuration.rxmode.offloads = info.rx_offload_capa & kChecksumsIn;
  if (checksum_offload_ == ChecksumOffload::kIpAndTcp)
    configuration.txmode.offloads = kChecksumsOut;
  std::vector<uint8_t> key = symmetric_rss_key(capabilities.rss_key_bytes);
  if (config_.rss) {
    // Delivered with each frame, it shows that the NIC hashes as we do (handover.h).
    configuration.rxmode.offloads |= info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH;
    configuration.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    configuration.rx_adv_conf.rss_conf = {.rss_key = key.data(),
                                          .rss_key_len = static_cast<uint8_t>(key.size()),
                                          .rss_hf = kWantedRss & capabilities.rss_types};
  }
  if (const int code =
          rte_eth_dev_configure(id_, config_.rx_queues, config_.tx_queues, &configuration);
      code != 0)
    return failed(fmt::format("{} receiving and {} sending queues, MTU {}", config_.rx_queues,
                              config_.tx_queues, config_.mtu),
                  code);
  // Virtual devices keep the MTU of the interface below them unless told; some cannot be told.
  uint16_t mtu = 0;
  rte_eth_dev_get_mtu(id_, &mtu);
  const int code = rte_eth_dev_set_mtu(id_, config_.mtu);
  if (code != 0 && code != -ENOTSUP && mtu < config_.mtu)
    return failed(fmt::format("ports.mtu = {}", config_.mtu), code);
  return {};
}

std::expected<void, std::string> Port::set_up_queues(rte_mempool* pool) {
  uint16_t rx_descriptors = config_.descriptors, tx_descriptors = config_.descriptors;
  if (const int code = rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx_descriptors, &tx_descriptors);
      code != 0)
    return failed("descriptors", code);
  const int node = rte_eth_dev_socket_id(id_);
  const unsigned socket = node < 0 ? 0 : static_cast<unsigned>(node);
  for (uint16_t queue = 0; queue < config_.rx_queues; ++queue)
    if (const int code = rte_eth_rx_queue_setup(id_, queue, rx_descriptors, socket, nullptr, pool);
        code != 0)
      return failed(fmt::format("receiving queue {}", queue), code);
  for (uint16_t queue = 0; queue < config_.tx_queues; ++queue)
    if (const int code = rte_eth_tx_queue_setup(id_, queue, tx_descriptors, socket, nullptr);
        code != 0)
      return failed(fmt::format("sending queue {}", queue), code);
  return {};
}

std::expected<void, std::string> Port::start() {
  if (const int code = rte_eth_dev_start(id_); code != 0) return failed("start", code);
  // Devices without a wire behind them (rings, captures) know no such mode.
  if (const int code = rte_eth_promiscuous_enable(id_); code != 0 && code != -ENOTSUP)
    return failed("promiscuous mode", code);
  return {};
}

std::expected<void, std::string> Port::fill_rss_table(uint16_t entries) {
  std::vector<rte_eth_rss_reta_entry64> table((entries + RTE_ETH_RETA_GROUP_SIZE - 1) /
                                              RTE_ETH_RETA_GROUP_SIZE);
  for (uint16_t i = 0; i < entries; ++i) {
    auto& group = table[i / RTE_ETH_RETA_GROUP_SIZE];
    group.mask |= uint64_t{1} << (i % RTE_ETH_RETA_GROUP_SIZE);
    group.reta[i % RTE_ETH_RETA_GROUP_SIZE] = rss_queue(i, config_.rx_queues);
  }
  if (const int code = rte_eth_dev_rss_reta_update(id_, table.data(), entries); code != 0)
    return failed("RSS table (worker.distribution = \"software\" does without)", code);
  return {};
}

Port::~Port() {
  rte_eth_dev_stop(id_);
  rte_eth_dev_close(id_);
}

bool Port::link_changed() {
  rte_eth_link now{};
  if (rte_eth_link_get_nowait(id_, &now) != 0) return false;
  const bool changed = !link_seen_ || now.link_status != link_.link_status;
  link_ = now;
  link_seen_ = true;
  return changed;
}

PortStatistics Port::statistics() const {
  rte_eth_stats stats{};
  rte_eth_stats_get(id_, &stats);
  return {.received = stats.ipackets,
          .sent = stats.opackets,
          .missed = stats.imissed,
          .no_buffer = stats.rx_nombuf,
          .errors_in = stats.ierrors,
          .errors_out = stats.oerrors};
}

std::string Port::describe() const {
  const PortStatistics s = statistics();
  rte_eth_link link{};
  rte_eth_link_get_nowait(id_, &link);
  const bool up = link.link_status == RTE_ETH_LINK_UP;
  const bool has_speed = up && link.link_speed != RTE_ETH_SPEED_NUM_NONE &&
                         link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN;
  return fmt::format(
      "{}: {}, link {}{}, received {}, sent {}, missed {}, no buffer {}, errors in {}, errors out "
      "{}",
      side_name(config_.side), name_, up ? "up" : "down",
      has_speed ? fmt::format(" {} Mbit/s", link.link_speed) : "", s.received, s.sent, s.missed,
      s.no_buffer, s.errors_in, s.errors_out);
}

}  // namespace postern::ports
