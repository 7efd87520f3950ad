// rbldnsd's sets of addresses (rbldnsd(8), "Dataset types and formats").
#include <algorithm>
#include <charconv>
#include <ctime>
#include <optional>

#include "base/duration.h"
#include "control/feeds/lines.h"

namespace postern::feeds {
namespace {

constexpr std::string_view kBlanks = " \t";

// A number up to `most`, off the front of the text.
std::optional<uint32_t> take_number(std::string_view& text, uint32_t most) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value > most) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

// One to four octets: an address, or the beginning of one.
struct Octets {
  std::array<uint8_t, 4> bytes{};
  unsigned count = 0;
};
std::optional<Octets> take_octets(std::string_view& text) {
  Octets out;
  do {
    if (out.count > 0) text.remove_prefix(1);
    const auto octet = take_number(text, 255);
    if (!octet) return std::nullopt;
    out.bytes[out.count++] = static_cast<uint8_t>(*octet);
  } while (out.count < 4 && text.starts_with('.'));
  return out;
}

IpAddress first_of(const Octets& octets) { return IpAddress::from_v4(octets.bytes.data()); }
IpAddress last_of(Octets octets) {
  for (unsigned i = octets.count; i < 4; ++i) octets.bytes[i] = 255;
  return IpAddress::from_v4(octets.bytes.data());
}

// "2024:11:23:06:00:00", any number of them from the left, or 0. Nothing: it is none.
std::optional<uint64_t> timestamp(std::string_view text) {
  std::array<uint32_t, 6> parts{1970, 1, 1, 0, 0, 0};
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto number = take_number(text, 9999);
    if (!number) return std::nullopt;
    parts[i] = *number;
    if (text.empty()) break;
    if (text[0] != ':') return std::nullopt;
    text.remove_prefix(1);
  }
  if (!text.empty()) return std::nullopt;
  std::tm when{};
  when.tm_year = static_cast<int>(parts[0]) - 1900;
  when.tm_mon = static_cast<int>(parts[1]) - 1;
  when.tm_mday = static_cast<int>(parts[2]);
  when.tm_hour = static_cast<int>(parts[3]);
  when.tm_min = static_cast<int>(parts[4]);
  when.tm_sec = static_cast<int>(parts[5]);
  const time_t at = timegm(&when);
  return at < 0 ? std::nullopt : std::optional(static_cast<uint64_t>(at));
}

class Reader {
 public:
  Reader(Format format, uint64_t now_unix_s) : format_(format), now_(now_unix_s) {}

  std::expected<Feed, std::string> read(std::string_view text) {
    for (Lines lines(text); lines.next();) {
      if (auto done = take_line(trimmed(lines.line())); !done) {
        return std::unexpected(lines.at(done.error()));
      }
      if (feed_.entries.size() > kMostEntries) {
        return std::unexpected("more entries than a list has");
      }
    }
    if (too_wide_ > 0) {
      feed_.notes.push_back(
          fmt::format("{} entries wider than $MAXRANGE4 /{} are passed over", too_wide_, widest_));
    }
    return std::move(feed_);
  }

 private:
  using Done = std::expected<void, std::string>;

  Done take_line(std::string_view line) {
    if (line.empty() || line[0] == '#' || line[0] == ';') return {};
    if (line[0] == '$') return take_directive(line);
    if (line[0] == ':') {
      usual_text_ = text_of_value(line);
      return {};
    }
    const bool excluded = line[0] == '!';
    if (excluded) line = trimmed(line.substr(1));
    const size_t end = std::min(line.find_first_of(kBlanks), line.size());
    const std::string text = text_of_value(trimmed(line.substr(end)));
    const auto prefixes = ranges(line.substr(0, end));
    if (!prefixes) return std::unexpected(prefixes.error());
    for (const IpPrefix& prefix : *prefixes) {
      if (prefix.address.is_v4() && prefix.length < widest_) {
        ++too_wide_;
        continue;
      }
      if (auto fit = listable(prefix); !fit) return std::unexpected(fit.error());
      feed_.entries.push_back({prefix, excluded, text.empty() ? usual_text_ : text});
    }
    return {};
  }

  // ":127.0.0.2:text", ":2:text", or the text alone; "$" in it stands for the address.
  static std::string text_of_value(std::string_view value) {
    if (value.starts_with(':')) {
      const size_t colon = value.find(':', 1);
      value = colon == value.npos ? std::string_view() : value.substr(colon + 1);
    }
    return std::string(trimmed(value));
  }

  Done take_directive(std::string_view line) {
    const size_t end = std::min(line.find_first_of(kBlanks), line.size());
    const std::string_view name = line.substr(0, end), value = trimmed(line.substr(end));
    if (name == "$DATASET") {
      return std::unexpected("$DATASET; expected a file of one set, without others");
    }
    if (name == "$TIMESTAMP") return take_timestamp(value);
    if (name == "$MAXRANGE4") {
      std::string_view number = value.starts_with('/') ? value.substr(1) : value;
      const auto length = take_number(number, 32);
      if (!length || !number.empty() || !value.starts_with('/')) {
        return std::unexpected(fmt::format("$MAXRANGE4 {}; expected /0 to /32", value));
      }
      widest_ = static_cast<uint8_t>(*length);
    }
    return {};  // the rest serves a name server
  }

  // When it was made, and until when it holds: "-" or 0 for neither, "+2d" from when it was made.
  Done take_timestamp(std::string_view value) {
    const size_t end = std::min(value.find_first_of(kBlanks), value.size());
    const std::string_view made = value.substr(0, end), until = trimmed(value.substr(end));
    if (!made.empty() && made != "-") {
      const auto at = timestamp(made);
      if (!at)
        return std::unexpected(fmt::format("$TIMESTAMP {}; expected yyyy:mm:dd:hh:mi:ss", made));
      feed_.published_unix_s = *at;
    }
    if (until.empty() || until == "-" || until == "0") return {};
    uint64_t expires = 0;
    if (until.starts_with('+')) {
      const bool plain = until.find_first_not_of("+0123456789") == until.npos;
      const auto lasts = parse_duration(std::string(until.substr(1)) + (plain ? "s" : ""));
      if (!lasts) return std::unexpected("$TIMESTAMP: " + lasts.error());
      expires = feed_.published_unix_s + static_cast<uint64_t>(lasts->count() / 1000);
    } else if (const auto at = timestamp(until)) {
      expires = *at;
    } else {
      return std::unexpected(fmt::format("$TIMESTAMP … {}; expected yyyy:mm:dd:hh:mi:ss", until));
    }
    if (expires > now_) return {};
    return std::unexpected(
        fmt::format("the list says that it held until {} only; fetch a newer one", until));
  }

  std::expected<std::vector<IpPrefix>, std::string> ranges(std::string_view text) const {
    if (format_ != Format::kIp6Trie) return v4_ranges(text);
    const auto prefix = IpPrefix::parse(text);
    if (!prefix) return std::unexpected(prefix.error());
    return std::vector{*prefix};
  }

  // "192.0.2.7", "192.0.2" (all of it), "192.0.2.64/26", and of an ip4set "198.51.100.1-20" (the
  // last octet), "192.0.2-192.0.4".
  std::expected<std::vector<IpPrefix>, std::string> v4_ranges(std::string_view text) const {
    const auto wrong = [&] {
      return std::unexpected(fmt::format(
          "'{}' is no entry of an {}; expected 192.0.2.7, 192.0.2.0/24{}", text,
          kFormatNames[static_cast<size_t>(format_)],
          format_ == Format::kIp4Set ? ", 192.0.2.1-20 or 192.0.2-192.0.4" : " or 192.0.2"));
    };
    std::string_view rest = text;
    const auto from = take_octets(rest);
    if (!from) return wrong();
    if (rest.empty()) {
      return std::vector{IpPrefix{first_of(*from), static_cast<uint8_t>(8 * from->count)}};
    }
    if (rest[0] == '/') {
      rest.remove_prefix(1);
      const auto length = take_number(rest, 32);
      if (!length || !rest.empty()) return wrong();
      const auto prefix = IpPrefix::containing(first_of(*from), static_cast<uint8_t>(*length));
      if (prefix.address != first_of(*from)) {
        return std::unexpected(fmt::format("'{}' has bits set behind its length; expected {}", text,
                                           prefix.to_string()));
      }
      return std::vector{prefix};
    }
    if (rest[0] != '-' || format_ != Format::kIp4Set) return wrong();
    rest.remove_prefix(1);
    auto to = take_octets(rest);
    if (!to || !rest.empty()) return wrong();
    if (to->count == 1 && from->count > 1) {
      Octets same = *from;
      same.bytes[from->count - 1] = to->bytes[0];
      to = same;
    }
    if (to->count != from->count || last_of(*to) < first_of(*from)) return wrong();
    return prefixes_of_range(first_of(*from), last_of(*to));
  }

  Format format_;
  uint64_t now_;
  Feed feed_;
  std::string usual_text_;
  uint8_t widest_ = 0;
  size_t too_wide_ = 0;
};

}  // namespace

std::expected<Feed, std::string> read_rbldnsd(std::string_view text, Format format,
                                              uint64_t now_unix_s) {
  return Reader(format, now_unix_s).read(text);
}

}  // namespace postern::feeds
