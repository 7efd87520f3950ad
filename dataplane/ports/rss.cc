#include "dataplane/ports/rss.h"

#include <rte_thash.h>

#include <array>

#include "dataplane/packet/bytes.h"

namespace postern::ports {
namespace {

constexpr std::array<uint8_t, 2> kPattern{0x6D, 0x5A};
// Of the key: two addresses of IPv6, two ports, and a word behind them.
constexpr size_t kWords = 10;

}  // namespace

std::vector<uint8_t> symmetric_rss_key(size_t bytes) {
  std::vector<uint8_t> key(bytes);
  for (size_t i = 0; i < bytes; ++i) key[i] = kPattern[i % 2];
  return key;
}

uint32_t rss_hash(const packet::TcpPacket& tcp) {
  constexpr uint32_t kWord = 0x6D5A6D5A;
  // rte_softrss_be() takes the key's words in host order; of this one all are alike.
  std::array<uint32_t, kWords> key;
  key.fill(kWord);
  std::array<uint32_t, kWords> tuple{};
  uint32_t words = 0;
  for (const IpAddress* address : {&tcp.source, &tcp.destination})
    for (size_t at = tcp.is_v6 ? 0 : 12; at < 16; at += 4)
      tuple[words++] = packet::load_be32(address->bytes().data() + at);
  tuple[words++] = uint32_t{tcp.source_port} << 16 | tcp.destination_port;
  return rte_softrss_be(tuple.data(), words, reinterpret_cast<const uint8_t*>(key.data()));
}

}  // namespace postern::ports
