// Starting DPDK's environment (EAL) from our configuration, with errors that say what to run.
//
// Theory of operation. DPDK takes a command line; we write it. The configuration names two devices,
// the number of workers and whether huge pages are used; what the operator adds behind "--" comes
// last. Everything that can be checked before is checked before, because what DPDK prints of a
// missing huge page helps only who knows DPDK.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern::ports {

// A device as the configuration names it.
struct Device {
  std::string argument;   // for the EAL: "0000:03:00.0", "net_af_packet0,iface=eth1"
  std::string port_name;  // as ethdev calls it: the argument up to the first comma
  bool pci = false;

  // "0000:03:00.0" or "03:00.0", with device arguments behind a comma; or a virtual device, whose
  // name begins with "net_".
  static std::expected<Device, std::string> parse(std::string_view text);
  // The kernel's interface that iface= names; empty: none.
  std::string interface() const;
  // Whether the machine has it: the PCI device, or the interface that iface= names. The error says
  // how to list what there is.
  std::expected<void, std::string> check_present() const;
};

struct EalConfig {
  std::string gate;               // names DPDK's run-time directory
  std::array<Device, 2> devices;  // inside, outside
  bool huge_pages = true;
  uint64_t memory_bytes = 0;  // what the pools and tables to come take
  uint32_t lcores = 1;        // beside the main one: workers and the distributor
  std::vector<int> cpus;      // CPU of each lcore; shorter (or empty): spread over all
  bool verbose = false;
  std::vector<std::string> options;  // the operator's
};

// CPUs this process may run on, ascending.
std::vector<int> usable_cpus();

// The EAL's command line. Lcore 0 is the main thread's; lcores 1 to `config.lcores` have the CPUs
// that the configuration names or, from the second of `usable` on, one after the other. Several
// lcores may share a CPU. An operator who gives -l, -c or --lcores does that alone.
std::vector<std::string> eal_arguments(const EalConfig& config, std::span<const int> usable);

// Whether enough huge pages are free; always true of a configuration without them. The error says
// what to run. `sysfs` is where the kernel's table of them is (tests have their own).
std::expected<void, std::string> check_huge_pages(
    const EalConfig& config, const std::string& sysfs = "/sys/kernel/mm/hugepages");

// Once per process, on its main thread.
std::expected<void, std::string> start_eal(const EalConfig& config);

}  // namespace postern::ports
