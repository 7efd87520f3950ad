#include "control/diagnosis/shown.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/plain_text.h"

namespace postern::diagnosis {
namespace {

using channel::v1::Event;

// The topmost Received field of a header's beginning, unfolded.
std::string received_line(const std::string& sample) {
  constexpr std::string_view kField = "received:";
  for (size_t at = 0; at < sample.size();) {
    size_t end = sample.find('\n', at);
    if (end == sample.npos) end = sample.size();
    const bool is_it =
        end - at >= kField.size() &&
        std::ranges::equal(
            std::string_view(sample).substr(at, kField.size()), kField, {},
            [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
    if (!is_it) {
      at = end + 1;
      continue;
    }
    std::string out;
    for (size_t i = at; i < sample.size(); ++i) {
      if (sample[i] == '\n') {
        const char next = i + 1 < sample.size() ? sample[i + 1] : 'x';
        if (next != ' ' && next != '\t') break;
      } else if (sample[i] == '\t') {
        out += ' ';
      } else if (sample[i] != '\r') {
        out += sample[i];
      }
    }
    return plain_text(out, 2 * kTextCharacters);
  }
  return "";
}

}  // namespace

std::string count(size_t n, std::string_view what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

std::string name(std::string_view text) { return plain_text(text, kNameCharacters); }

std::vector<IpAddress> most_first(const std::map<IpAddress, uint64_t>& counts) {
  std::vector<IpAddress> out;
  for (const auto& [address, _] : counts) out.push_back(address);
  std::ranges::stable_sort(out, std::greater(), [&](const IpAddress& a) { return counts.at(a); });
  return out;
}

std::vector<std::string> first_of(const std::vector<IpAddress>& addresses) {
  std::vector<std::string> out;
  for (const IpAddress& address : addresses) {
    if (out.size() < kMostAddresses) out.push_back(address.to_string());
  }
  return out;
}

std::string list(const std::vector<IpAddress>& addresses) {
  std::string out;
  for (size_t i = 0; i < std::min<size_t>(addresses.size(), 3); ++i)
    out += fmt::format("{}{}", i == 0 ? "" : ", ", addresses[i].to_string());
  if (addresses.size() > 3) out += fmt::format(" and {} more", addresses.size() - 3);
  return out;
}

size_t networks_of(const std::vector<IpAddress>& addresses) {
  std::set<IpPrefix> networks;
  for (const IpAddress& address : addresses)
    networks.insert(IpPrefix::containing(address, address.is_v4() ? 24 : 48));
  return networks.size();
}

Line line_of(const channel::v1::Event& event, std::string what) {
  const std::string& user = event.auth_user().empty() ? event.origin().user() : event.auth_user();
  return {.at_unix_s = event.wall_us() / 1'000'000,
          .client = name(event.client()),
          .user = name(user),
          .from = name(event.origin().ip()),
          .what = what.empty() ? plain_text(event.subject(), kTextCharacters) : std::move(what),
          .why = plain_text(event.origin().why(), kTextCharacters),
          .header = received_line(event.header_sample())};
}

}  // namespace postern::diagnosis
