#include "dataplane/ports/interface_offloads.h"

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace postern::ports {
namespace {

// The value of an ethtool query without arguments; 0 when the interface cannot say.
uint32_t ask_ethtool(int socket, const std::string& interface, uint32_t command) {
  ethtool_value value{.cmd = command, .data = 0};
  ifreq request{};
  std::strncpy(request.ifr_name, interface.c_str(), IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&value);
  return ioctl(socket, SIOCETHTOOL, &request) == 0 ? value.data : 0;
}

}  // namespace

std::optional<std::string> warn_of_merging(const Device& device) {
  if (!device.port_name.starts_with("net_af_packet")) return std::nullopt;
  const std::string interface = device.interface();
  const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
  if (socket < 0) return std::nullopt;
  const bool gro = ask_ethtool(socket, interface, ETHTOOL_GGRO) != 0;
  const bool lro = (ask_ethtool(socket, interface, ETHTOOL_GFLAGS) & ETH_FLAG_LRO) != 0;
  close(socket);
  if (!gro && !lro) return std::nullopt;
  return fmt::format(
      "{} merges received frames into larger ones, which would be cut: run\n  ethtool -K {} gro "
      "off "
      "lro off",
      interface, interface);
}

}  // namespace postern::ports
