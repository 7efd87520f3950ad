// Lists of ranges that others publish, read: Spamhaus DROP (text and JSON lines) and rbldnsd's
// ip4set, ip4trie and ip6trie (rbldnsd(8)).
//
// A list takes mail away from whole ranges, so it is taken whole or not at all. A file that is cut
// short, is not what it was said to be, holds nothing, or covers far more than a list does is
// refused with the reason; whoever asked keeps the list that is in force.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace postern::feeds {

enum class Format { kDropText, kDropJson, kIp4Set, kIp4Trie, kIp6Trie };
inline constexpr std::string_view kFormatNames[] = {"drop", "drop-json", "ip4set", "ip4trie",
                                                    "ip6trie"};
std::optional<Format> parse_format(std::string_view name);

struct Entry {
  IpPrefix prefix = {};
  bool excluded = false;       // taken out of a wider entry
  std::string reference = {};  // "SBL256894", or the entry's text
  auto operator<=>(const Entry&) const = default;
};

struct Feed {
  std::vector<Entry> entries = {};      // ascending by prefix, each prefix once
  uint64_t published_unix_s = 0;        // 0: the file does not say
  std::vector<std::string> notes = {};  // what was passed over, and terms of use
};

inline constexpr size_t kMostEntries = 1'000'000;
// Wider ranges are no list's, but a slip: IPv4 and IPv6.
inline constexpr uint8_t kWidestV4 = 6;
inline constexpr uint8_t kWidestV6 = 12;

// The error names the line and what was expected.
std::expected<Feed, std::string> read_feed(std::string_view text, Format format,
                                           uint64_t now_unix_s);

// The fewest prefixes that cover just the addresses from `first` to `last`, both IPv4, first <=
// last, in order.
std::vector<IpPrefix> prefixes_of_range(const IpAddress& first, const IpAddress& last);

}  // namespace postern::feeds
