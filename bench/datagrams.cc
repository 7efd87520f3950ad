// postern-bench-datagrams: sends one UDP datagram over and over, as fast as the kernel takes it,
// for so many seconds. Prints how many frames a second were taken.
//
// The destination's hardware address is nobody's, so that the host at the far end counts the frame
// and drops it at once.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <system_error>
#include <vector>

#include "dataplane/packet/checksum.h"

namespace postern::bench {
namespace {

constexpr size_t kBurst = 64;
constexpr size_t kIpOffset = 14, kUdpOffset = kIpOffset + 20;
constexpr size_t kLeastOctets = kUdpOffset + 8, kMostOctets = 1514;

int must(int result, const std::string& what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

void put16(std::vector<uint8_t>& frame, size_t at, size_t value) {
  frame[at] = static_cast<uint8_t>(value >> 8);
  frame[at + 1] = static_cast<uint8_t>(value);
}

// From the laboratory's customer to its Internet (tests/wire/topology.py), without a UDP checksum.
std::vector<uint8_t> datagram(size_t octets) {
  constexpr std::array<uint8_t, kUdpOffset> kHeaders{
      2,    0, 0, 0, 0, 2, 2, 0, 0,  0,           0, 1, 8,   0,  // Ethernet
      0x45, 0, 0, 0, 0, 0, 0, 0, 64, IPPROTO_UDP, 0, 0, 198, 18, 0, 1, 198, 18, 0, 2};
  std::vector<uint8_t> frame(octets);
  std::ranges::copy(kHeaders, frame.begin());
  put16(frame, kIpOffset + 2, octets - kIpOffset);
  const auto sum = packet::internet_sum({frame.data() + kIpOffset, kUdpOffset - kIpOffset});
  put16(frame, kIpOffset + 10, static_cast<uint16_t>(~sum));
  put16(frame, kUdpOffset, 49152);
  put16(frame, kUdpOffset + 2, 5353);
  put16(frame, kUdpOffset + 4, octets - kUdpOffset);
  return frame;
}

// A socket on the interface that receives nothing.
int open_sender(const std::string& interface) {
  const int descriptor = must(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "socket");
  const int on = 1;
  must(setsockopt(descriptor, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on), "setsockopt");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  if (address.sll_ifindex == 0) must(-1, interface);
  must(bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
  return descriptor;
}

void stay_on(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  must(sched_setaffinity(0, sizeof cores, &cores), fmt::format("core {}", core));
}

// Frames a second.
double send(int descriptor, std::vector<uint8_t> frame, std::chrono::duration<double> how_long) {
  iovec octets{frame.data(), frame.size()};
  std::array<mmsghdr, kBurst> messages{};
  for (mmsghdr& message : messages) {
    message.msg_hdr.msg_iov = &octets;
    message.msg_hdr.msg_iovlen = 1;
  }
  using Clock = std::chrono::steady_clock;
  const auto began = Clock::now();
  std::chrono::duration<double> took{};
  uint64_t sent = 0;
  while ((took = Clock::now() - began) < how_long) {
    const int count = sendmmsg(descriptor, messages.data(), kBurst, 0);
    if (count < 0 && errno != ENOBUFS && errno != EAGAIN) must(count, "sendmmsg");
    sent += static_cast<uint64_t>(std::max(count, 0));
  }
  return static_cast<double>(sent) / took.count();
}

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) {
  using namespace postern::bench;
  CLI::App app("Sends a UDP datagram over and over");
  std::string interface;
  size_t octets = kMostOctets;
  double seconds = 1;
  int core = 0;
  app.add_option("interface", interface)->required();
  app.add_option("--octets", octets, "Of the frame, without its check sequence")
      ->check(CLI::Range(kLeastOctets, kMostOctets));
  app.add_option("--seconds", seconds)->check(CLI::Range(0.0, 60.0));
  app.add_option("--core", core, "To stay on");
  CLI11_PARSE(app, argc, argv);
  try {
    stay_on(core);
    fmt::print("{:.0f}\n", send(open_sender(interface), datagram(octets),
                                std::chrono::duration<double>(seconds)));
  } catch (const std::exception& error) {
    fmt::print(stderr, "postern-bench-datagrams: {}\n", error.what());
    return 1;
  }
}
