#include "dataplane/inspect/capture_file.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <array>

namespace postern::inspect {
namespace {

constexpr size_t kEthernetHeader = 14;

}  // namespace

// https://www.tcpdump.org/linktypes.html
const CaptureFile::Link CaptureFile::kLinks[] = {
    {DLT_EN10MB, 0, Link::Protocol::kEthernet, 0},
    {DLT_RAW, 0, Link::Protocol::kFromIpVersion, 0},
    {DLT_IPV4, 0, Link::Protocol::kFromIpVersion, 0},
    {DLT_IPV6, 0, Link::Protocol::kFromIpVersion, 0},
    {DLT_NULL, 4, Link::Protocol::kFromIpVersion, 0},
    {DLT_LOOP, 4, Link::Protocol::kFromIpVersion, 0},
    {DLT_LINUX_SLL, 16, Link::Protocol::kEtherType, 14},
    {DLT_LINUX_SLL2, 20, Link::Protocol::kEtherType, 0},
};

void CaptureFile::Close::operator()(pcap* handle) const { pcap_close(handle); }

std::expected<CaptureFile, std::string> CaptureFile::open(const std::filesystem::path& path) {
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  pcap_t* handle = pcap_open_offline_with_tstamp_precision(
      path.c_str(), PCAP_TSTAMP_PRECISION_MICRO, error.data());
  if (!handle) {
    return std::unexpected(fmt::format("cannot read {} as a capture (pcap or pcapng): {}",
                                       path.string(), error.data()));
  }
  const int type = pcap_datalink(handle);
  for (const Link& link : kLinks) {
    if (link.type == type) return CaptureFile(handle, &link);
  }
  const char* name = pcap_datalink_val_to_name(type);
  pcap_close(handle);
  return std::unexpected(fmt::format(
      "{} was taken on a link of type {}; readable are Ethernet, raw IP, Linux cooked and loopback",
      path.string(), name ? name : std::to_string(type)));
}

std::expected<std::optional<CaptureFile::Packet>, std::string> CaptureFile::next() {
  while (true) {
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    const int result = pcap_next_ex(handle_.get(), &header, &bytes);
    if (result == PCAP_ERROR_BREAK) return std::nullopt;
    if (result != 1)
      return std::unexpected(fmt::format("the capture is damaged: {}", pcap_geterr(handle_.get())));
    Packet packet{{bytes, header->caplen},
                  static_cast<uint64_t>(header->ts.tv_sec) * 1'000'000 +
                      static_cast<uint64_t>(header->ts.tv_usec),
                  header->caplen < header->len};
    if (link_->protocol == Link::Protocol::kEthernet) return packet;
    // Too short to hold even an IP header's first octet: nothing to make a frame of.
    if (header->caplen <= link_->payload_offset) continue;
    const auto payload = packet.frame.subspan(link_->payload_offset);
    frame_.assign(kEthernetHeader, 0);
    if (link_->protocol == Link::Protocol::kEtherType) {
      frame_[12] = bytes[link_->ether_type_offset];
      frame_[13] = bytes[link_->ether_type_offset + 1];
    } else {
      const uint16_t ether_type = payload[0] >> 4 == 6 ? 0x86dd : 0x0800;
      frame_[12] = static_cast<uint8_t>(ether_type >> 8);
      frame_[13] = static_cast<uint8_t>(ether_type);
    }
    frame_.insert(frame_.end(), payload.begin(), payload.end());
    packet.frame = frame_;
    return packet;
  }
}

}  // namespace postern::inspect
