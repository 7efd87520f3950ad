// Reading capture files (pcap and pcapng) as Ethernet frames, whatever the link they were taken on.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

struct pcap;

namespace postern::inspect {

class CaptureFile {
 public:
  // Reads Ethernet, raw IP, Linux "cooked" (both versions) and loopback captures. The error says
  // what the file is instead.
  static std::expected<CaptureFile, std::string> open(const std::filesystem::path& path);

  struct Packet {
    std::span<const uint8_t> frame;  // an Ethernet frame; valid until next() is called again
    uint64_t wall_us;
    bool cut;  // the capture holds less of it than was on the wire
  };
  // Nothing at the end of the file; an error where it is damaged.
  std::expected<std::optional<Packet>, std::string> next();

 private:
  struct Close {
    void operator()(pcap* handle) const;
  };
  // How to make an Ethernet frame of a link's frame: where its EtherType and its payload lie.
  struct Link {
    int type;
    uint32_t payload_offset;
    enum class Protocol : uint8_t { kEthernet, kFromIpVersion, kEtherType } protocol;
    uint32_t ether_type_offset;
  };
  static const Link kLinks[];

  CaptureFile(pcap* handle, const Link* link) : handle_(handle), link_(link) {}
  std::unique_ptr<pcap, Close> handle_;
  const Link* link_;
  std::vector<uint8_t> frame_;
};

}  // namespace postern::inspect
