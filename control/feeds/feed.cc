#include "control/feeds/feed.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "control/feeds/lines.h"

namespace postern::feeds {
namespace {

uint32_t number_of(const IpAddress& v4) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | v4.v4_bytes()[i];
  return value;
}

IpPrefix prefix_of(uint32_t number, unsigned length) {
  const std::array<uint8_t, 4> bytes{
      static_cast<uint8_t>(number >> 24), static_cast<uint8_t>(number >> 16),
      static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)};
  return {IpAddress::from_v4(bytes.data()), static_cast<uint8_t>(length)};
}

// Each prefix once; where one is both listed and taken out, it is taken out, and so is what it lies
// in exactly.
void settle(std::vector<Entry>& entries) {
  std::ranges::stable_sort(entries, [](const Entry& a, const Entry& b) {
    return std::pair(a.prefix, !a.excluded) < std::pair(b.prefix, !b.excluded);
  });
  const auto rest = std::ranges::unique(entries, {}, &Entry::prefix);
  entries.erase(rest.begin(), rest.end());
}

}  // namespace

std::optional<Format> parse_format(std::string_view name) {
  const auto* found = std::ranges::find(kFormatNames, name);
  if (found == std::end(kFormatNames)) return std::nullopt;
  return static_cast<Format>(found - std::begin(kFormatNames));
}

std::vector<IpPrefix> prefixes_of_range(const IpAddress& first, const IpAddress& last) {
  std::vector<IpPrefix> out;
  uint64_t from = number_of(first);
  const uint64_t end = uint64_t{number_of(last)} + 1;
  while (from < end) {
    // The widest that begins here and does not go beyond the end.
    const unsigned aligned = from == 0 ? 32U : static_cast<unsigned>(std::countr_zero(from));
    const auto fitting = static_cast<unsigned>(std::bit_width(end - from)) - 1;
    const unsigned bits = std::min({aligned, fitting, 32U});
    out.push_back(prefix_of(static_cast<uint32_t>(from), 32 - bits));
    from += uint64_t{1} << bits;
  }
  return out;
}

std::expected<IpPrefix, std::string> listable(const IpPrefix& prefix) {
  if (prefix.length < (prefix.address.is_v4() ? kWidestV4 : kWidestV6)) {
    return std::unexpected(
        fmt::format("{} is wider than any list's range; if it is meant, exclude it by hand: "
                    "postern verdict set",
                    prefix.to_string()));
  }
  return prefix;
}

std::expected<IpPrefix, std::string> listable(std::string_view text) {
  const auto prefix = IpPrefix::parse(text);
  if (!prefix) return std::unexpected(prefix.error());
  return listable(*prefix);
}

std::expected<Feed, std::string> read_feed(std::string_view text, Format format,
                                           uint64_t now_unix_s) {
  if (text.empty()) return std::unexpected("the file is empty; the list in force is kept");
  if (!text.ends_with('\n')) {
    return std::unexpected("the last line does not end: the file was cut short; fetch it again");
  }
  auto feed = format == Format::kDropText   ? read_drop_text(text)
              : format == Format::kDropJson ? read_drop_json(text)
                                            : read_rbldnsd(text, format, now_unix_s);
  if (!feed) return feed;
  if (std::ranges::all_of(feed->entries, &Entry::excluded)) {
    return std::unexpected("the list has no entries; to take a list out of force, remove the feed");
  }
  settle(feed->entries);
  return feed;
}

}  // namespace postern::feeds
