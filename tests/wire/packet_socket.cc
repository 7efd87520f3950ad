#include "tests/wire/packet_socket.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace postern::wire {
namespace {

constexpr int kReceiveBuffer = 32 << 20;
constexpr size_t kAddressBytes = 12;  // destination and source; tags stand behind them

int must(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

void switch_on(int descriptor, int option) {
  const int on = 1;
  must(setsockopt(descriptor, SOL_PACKET, option, &on, sizeof on), "setsockopt");
}

// The tag that the kernel holds beside the frame; false when the frame has none.
bool read_tag(msghdr& message, uint16_t& type, uint16_t& control) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
    tpacket_auxdata extra;
    std::memcpy(&extra, CMSG_DATA(c), sizeof extra);
    if ((extra.tp_status & TP_STATUS_VLAN_VALID) == 0) return false;
    type = (extra.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? extra.tp_vlan_tpid : ETH_P_8021Q;
    control = extra.tp_vlan_tci;
    return true;
  }
  return false;
}

}  // namespace

PacketSocket::PacketSocket(const std::string& interface)
    : descriptor_(must(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket")),
      buffers_(kBurst) {
  switch_on(descriptor_, PACKET_AUXDATA);
  switch_on(descriptor_, PACKET_IGNORE_OUTGOING);
  switch_on(descriptor_, PACKET_QDISC_BYPASS);
  must(setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer),
       "SO_RCVBUFFORCE");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  if (address.sll_ifindex == 0) must(-1, interface.c_str());
  must(bind(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
}

PacketSocket::~PacketSocket() { close(descriptor_); }

std::span<const std::span<const uint8_t>> PacketSocket::receive() {
  std::array<mmsghdr, kBurst> messages{};
  std::array<iovec, kBurst> parts;
  alignas(cmsghdr) std::array<std::array<char, CMSG_SPACE(sizeof(tpacket_auxdata))>, kBurst> extra;
  for (size_t i = 0; i < kBurst; ++i) {
    parts[i] = {buffers_[i].data() + kTagBytes, kFrameBytes};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_control = extra[i].data();
    messages[i].msg_hdr.msg_controllen = extra[i].size();
  }
  const int count = recvmmsg(descriptor_, messages.data(), kBurst, MSG_DONTWAIT, nullptr);
  for (int i = 0; i < count; ++i) {
    uint8_t* frame = buffers_[i].data() + kTagBytes;
    size_t length = messages[i].msg_len;
    uint16_t type = 0, control = 0;
    if (length >= kAddressBytes && read_tag(messages[i].msg_hdr, type, control)) {
      std::memmove(frame - kTagBytes, frame, kAddressBytes);
      frame -= kTagBytes;
      length += kTagBytes;
      const uint16_t tag[2] = {htons(type), htons(control)};
      std::memcpy(frame + kAddressBytes, tag, sizeof tag);
    }
    received_[i] = {frame, length};
  }
  return {received_.data(), static_cast<size_t>(std::max(count, 0))};
}

size_t PacketSocket::send(std::span<const std::span<const uint8_t>> frames) {
  size_t taken = 0;
  while (!frames.empty()) {
    std::array<mmsghdr, kBurst> messages{};
    std::array<iovec, kBurst> parts;
    const size_t count = std::min(frames.size(), kBurst);
    for (size_t i = 0; i < count; ++i) {
      parts[i] = {const_cast<uint8_t*>(frames[i].data()), frames[i].size()};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int sent =
        sendmmsg(descriptor_, messages.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
    taken += static_cast<size_t>(std::max(sent, 0));
    // The frame at which it stopped is lost; the others get their chance.
    frames = frames.subspan(sent < 0 ? 1 : static_cast<size_t>(sent));
  }
  return taken;
}

}  // namespace postern::wire
