#include "control/feeds/zone.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace postern::feeds {
namespace {

bool is_host_name(std::string_view name) {
  return !name.empty() && name.size() <= 253 && std::ranges::all_of(name, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
  });
}

}  // namespace

std::expected<std::string, std::string> write_zone(const Zone& zone, std::vector<Entry> entries) {
  const bool is_v6 = zone.format == Format::kIp6Trie;
  if (!is_v6 && zone.format != Format::kIp4Trie && zone.format != Format::kIp4Set)
    return std::unexpected("a zone is an ip4set, an ip4trie or an ip6trie");
  const auto value = IpAddress::parse(zone.value);
  if (!value || !value->is_v4() || value->v4_bytes()[0] != 127)
    return std::unexpected(fmt::format("the value {} is no address in 127.0.0.0/8", zone.value));
  // A TXT record's string (RFC 1035 3.3.14), less room for the address in place of "$".
  constexpr size_t kLongestText = 200;
  if (zone.text.size() > kLongestText || std::ranges::any_of(zone.text, [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
      })) {
    return std::unexpected("the text is one line of at most 200 octets");
  }
  std::string out = fmt::format("# Written by Postern, {:%FT%TZ}: do not edit.\n",
                                fmt::gmtime(static_cast<time_t>(zone.published_unix_s)));
  if (!zone.servers.empty()) {
    for (const std::string& name : zone.servers) {
      if (!is_host_name(name)) return std::unexpected(fmt::format("'{}' is no host's name", name));
    }
    if (!is_host_name(zone.contact))
      return std::unexpected("a contact is written as a name: admin.example.com");
    // Refresh, retry, expire, negative TTL as in rbldnsd(8)'s example.
    out +=
        fmt::format("$SOA {0} {1} {2} {3} 2h 2h 1w 1h\n$NS {0} {4}\n", zone.ttl_s, zone.servers[0],
                    zone.contact, zone.published_unix_s, fmt::join(zone.servers, " "));
  }
  out += fmt::format("$TTL {}\n:{}:{}\n", zone.ttl_s, zone.value, zone.text);
  std::ranges::sort(entries);
  for (const Entry& entry : entries) {
    if (entry.prefix.address.is_v4() == is_v6) continue;
    out += fmt::format("{}{}\n", entry.excluded ? "!" : "", entry.prefix.to_string());
  }
  return out;
}

}  // namespace postern::feeds
