#include "dataplane/ports/eal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <net/if.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <sched.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <regex>

namespace postern::ports {
namespace {

constexpr uint64_t kMiB = 1 << 20;
// What DPDK itself and its drivers take beside our pools and tables.
constexpr uint64_t kOwnMemory = 64 * kMiB;

bool has_option(const std::vector<std::string>& options,
                std::initializer_list<std::string_view> names) {
  return std::ranges::any_of(options, [&](const std::string& option) {
    return std::ranges::any_of(names, [&](std::string_view name) {
      if (option == name || option.starts_with(std::string(name) + "=")) return true;
      // Short options take their value without a space, too: -l0-3.
      return name.size() == 2 && option.starts_with(name);
    });
  });
}

uint64_t memory_mib(const EalConfig& config) {
  return (config.memory_bytes + kOwnMemory + kMiB - 1) / kMiB;
}

std::string lcore_map(const EalConfig& config, std::span<const int> usable) {
  std::string map = fmt::format("0@{}", usable[0]);
  for (uint32_t i = 0; i < config.lcores; ++i) {
    const size_t others = std::max<size_t>(usable.size() - 1, 1);
    const int cpu =
        i < config.cpus.size() ? config.cpus[i] : usable[usable.size() == 1 ? 0 : 1 + i % others];
    map += fmt::format(",{}@{}", i + 1, cpu);
  }
  return map;
}

// DPDK's run-time directory is named by this, so it may hold no separator.
std::string file_prefix(std::string_view gate) {
  std::string prefix = "postern-";
  for (char c : gate) prefix += std::isalnum(static_cast<unsigned char>(c)) ? c : '-';
  return prefix;
}

}  // namespace

std::expected<Device, std::string> Device::parse(std::string_view text) {
  Device device;
  device.argument = text;
  static const std::regex kPci("([0-9a-fA-F]{4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7](,.*)?");
  if (std::regex_match(device.argument, kPci)) {
    device.pci = true;
    if (text.find(':') == 2) device.argument.insert(0, "0000:");
  } else if (!text.starts_with("net_")) {
    return std::unexpected(
        fmt::format("\"{}\" is not a DPDK device: expected a PCI address (\"0000:03:00.0\", see "
                    "dpdk-devbind.py --status) or a virtual device (\"net_af_packet0,iface=eth1\")",
                    text));
  }
  device.port_name = device.argument.substr(0, device.argument.find(','));
  return device;
}

std::string Device::interface() const {
  constexpr std::string_view kKey = ",iface=";
  const size_t at = argument.find(kKey);
  if (at == std::string::npos) return "";
  const size_t begin = at + kKey.size();
  return argument.substr(begin, argument.find(',', begin) - begin);
}

std::expected<void, std::string> Device::check_present() const {
  if (pci) {
    if (std::filesystem::exists("/sys/bus/pci/devices/" + port_name)) return {};
    return std::unexpected(fmt::format(
        "no PCI device {} in this machine: `dpdk-devbind.py --status` lists what there is",
        port_name));
  }
  const std::string interface = this->interface();
  // net_tap makes its interface itself.
  if (interface.empty() || argument.starts_with("net_tap")) return {};
  if (if_nametoindex(interface.c_str()) != 0) return {};
  return std::unexpected(fmt::format(
      "{}: there is no interface \"{}\": `ip link` lists what there is", port_name, interface));
}

std::vector<int> usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

std::vector<std::string> eal_arguments(const EalConfig& config, std::span<const int> usable) {
  std::vector<std::string> arguments{"postern-dataplane"};
  if (!has_option(config.options, {"-l", "-c", "--lcores"})) {
    arguments.push_back("--lcores");
    arguments.push_back(lcore_map(config, usable));
  }
  bool any_pci = false;
  for (const Device& device : config.devices) {
    any_pci |= device.pci;
    arguments.push_back(device.pci ? "-a" : "--vdev");
    arguments.push_back(device.argument);
  }
  if (!any_pci) {
    arguments.push_back("--no-pci");
    // No device reads memory by its physical address, so frames may lie across pages.
    if (!has_option(config.options, {"--iova-mode"})) arguments.push_back("--iova-mode=va");
  }
  if (!has_option(config.options, {"--file-prefix"}))
    arguments.push_back("--file-prefix=" + file_prefix(config.gate));
  const bool no_huge = !config.huge_pages || has_option(config.options, {"--no-huge"});
  if (no_huge && !has_option(config.options, {"--no-huge"})) arguments.push_back("--no-huge");
  // Without huge pages DPDK reserves all its memory at start, 64 MiB if not told.
  if (no_huge && !has_option(config.options, {"-m", "--socket-mem"})) {
    arguments.push_back("-m");
    arguments.push_back(std::to_string(memory_mib(config)));
  }
  // Memory that dies with the process: nothing is left in hugetlbfs after a crash.
  if (!no_huge &&
      !has_option(config.options, {"--in-memory", "--huge-dir", "--legacy-mem", "--proc-type"}))
    arguments.push_back("--in-memory");
  if (!has_option(config.options, {"--log-level"})) {
    arguments.push_back(config.verbose ? "--log-level=info" : "--log-level=warning");
    // It would warn that nobody uses its old protocol.
    arguments.push_back("--log-level=lib.telemetry:error");
  }
  arguments.insert(arguments.end(), config.options.begin(), config.options.end());
  return arguments;
}

std::expected<void, std::string> check_huge_pages(const EalConfig& config,
                                                  const std::string& sysfs) {
  if (!config.huge_pages || has_option(config.options, {"--no-huge"})) return {};
  uint64_t free_mib = 0, small_pages_taken = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(sysfs, error)) {
    // hugepages-2048kB/free_hugepages
    const std::string name = entry.path().filename();
    uint64_t kib = 0, pages = 0, free_pages = 0;
    if (sscanf(name.c_str(), "hugepages-%lukB", &kib) != 1) continue;
    std::ifstream(entry.path() / "nr_hugepages") >> pages;
    std::ifstream(entry.path() / "free_hugepages") >> free_pages;
    free_mib += free_pages * kib / 1024;
    if (kib == 2048) small_pages_taken = pages - std::min(pages, free_pages);
  }
  const uint64_t needed = memory_mib(config);
  if (free_mib >= needed) return {};
  return std::unexpected(fmt::format(
      "{} MiB of huge pages are needed, {} MiB are free. Reserve them with\n"
      "  echo {} > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages\n"
      "lower limits.* in the configuration, or for a trial without huge pages set\n"
      "eal.huge_pages = false (or add: -- --no-huge -m {})",
      needed, free_mib, small_pages_taken + std::max<uint64_t>((needed + 1) / 2, 512), needed));
}

std::expected<void, std::string> start_eal(const EalConfig& config) {
  for (const Device& device : config.devices)
    if (auto present = device.check_present(); !present) return present;
  if (auto pages = check_huge_pages(config); !pages) return pages;

  std::vector<std::string> arguments = eal_arguments(config, usable_cpus());
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  if (rte_eal_init(static_cast<int>(argv.size()) - 1, argv.data()) < 0)
    return std::unexpected(fmt::format("DPDK did not start: {}. Its options were: {}",
                                       rte_strerror(rte_errno),
                                       fmt::join(arguments.begin() + 1, arguments.end(), " ")));
  if (rte_lcore_count() < config.lcores + 1)
    return std::unexpected(fmt::format(
        "{} lcores are needed (the main one, workers, distributor), the EAL options give {}",
        config.lcores + 1, rte_lcore_count()));
  return {};
}

}  // namespace postern::ports
