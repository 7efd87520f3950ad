#include "dataplane/scan/header_extract.h"

#include <algorithm>
#include <array>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/host_name.h"
#include "dataplane/mime/received.h"

namespace postern::scan {
namespace {

using Extract = language::HeaderSelector::Extract;
using mime::is_alnum;
using mime::is_digit;
using mime::is_space;

constexpr size_t kLongestHost = 253;

bool joins(char c) { return c == '.' || c == '_' || c == '-'; }

// Two labels at least, of letters, digits, "-" within and "_", the last two without "_".
bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > kLongestHost || std::ranges::count(host, '.') < 1) return false;
  while (!host.empty()) {
    const size_t dot = std::min(host.find('.'), host.size());
    const std::string_view label = host.substr(0, dot);
    const bool among_last_two = std::ranges::count(host, '.') < 2;
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-')
      return false;
    for (char c : label) {
      if (!is_alnum(c) && c != '-' && (c != '_' || among_last_two)) return false;
    }
    host.remove_prefix(std::min(dot + 1, host.size()));
  }
  return true;
}

// The longest beginning of `text` (which begins a word) that ends with a known top level domain
// where the name does not go on.
std::string_view longest_host(std::string_view text) {
  const auto blank = std::ranges::find_if(text, is_space);
  text = text.substr(0, static_cast<size_t>(blank - text.begin()));
  for (size_t end = std::min(text.size(), kLongestHost + 64); end > 2; --end) {
    if (end < text.size() && (joins(text[end]) || is_alnum(text[end]))) continue;
    const std::string_view name = text.substr(0, end);
    const size_t dot = name.rfind('.');
    if (dot == std::string_view::npos || dot == 0 || dot > 251) continue;
    if (mime::is_top_level_domain(name.substr(dot + 1))) return name;
  }
  return {};
}

// Where the domain of an address or identifier is, if there is one; else the first name that can be
// a host's.
std::string_view host_in(std::string_view value) {
  for (size_t at = value.rfind('@'); at != std::string_view::npos; at = value.rfind('@', at - 1)) {
    const std::string_view host = longest_host(value.substr(at + 1));
    if (!host.empty()) {
      if (is_host_name(host)) return host;
      break;
    }
    if (at == 0) break;
  }
  for (size_t i = 0; i < value.size();) {
    std::string_view host;
    if (!is_space(value[i]) && (i == 0 || !joins(value[i - 1])))
      host = longest_host(value.substr(i));
    if (is_host_name(host)) return host;
    i += std::max<size_t>(host.size(), 1);
  }
  return {};
}

std::string_view registered_of(std::string_view host, std::span<char, kExtractBytes> room) {
  mime::HostName name;
  if (!mime::read_host(host, &name)) return host;
  const std::string_view domain = mime::registrable_domain(name);
  if (domain.empty()) return host;
  std::copy(domain.begin(), domain.end(), room.data());
  return {room.data(), domain.size()};
}

// The first address that stands by itself.
std::string_view address_in(std::string_view value) {
  for (size_t at = 0; at < value.size(); ++at) {
    if (!is_alnum(value[at])) continue;
    if (at > 0 && (is_alnum(value[at - 1]) || value[at - 1] == '.' || value[at - 1] == ':'))
      continue;
    size_t begin = at;
    if (mime::starts_ignoring_case(value.substr(at), "ipv6:")) begin += 5;
    size_t end = std::min(value.find_first_not_of("0123456789abcdefABCDEF.:", begin), value.size());
    if (end > begin && (value[end - 1] == ':' || value[end - 1] == '.')) continue;
    if (end < value.size() && (is_alnum(value[end]) || value[end] == '_')) continue;
    if (mime::read_address(value.substr(begin, end - begin))) return value.substr(at, end - at);
  }
  return {};
}

// As lists of addresses in the DNS are asked (RFC 5782 2.1, 2.4).
std::string_view reversed(std::string_view text, std::span<char, kExtractBytes> room) {
  if (mime::starts_ignoring_case(text, "ipv6:")) return {};
  const auto address = mime::read_address(text);
  if (!address) return {};
  size_t made = 0;
  if (text.find(':') == std::string_view::npos) {
    for (std::string_view rest = text; !rest.empty();) {
      const size_t dot = rest.rfind('.');
      const std::string_view octet = dot == std::string_view::npos ? rest : rest.substr(dot + 1);
      if (made > 0) room[made++] = '.';
      made += octet.copy(room.data() + made, octet.size());
      rest = dot == std::string_view::npos ? std::string_view{} : rest.substr(0, dot);
    }
    return {room.data(), made};
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (size_t i = 16; i-- > 0;) {
    const uint8_t octet = address->bytes()[i];
    for (uint8_t half : {static_cast<uint8_t>(octet & 15), static_cast<uint8_t>(octet >> 4)}) {
      if (made > 0) room[made++] = '.';
      room[made++] = kDigits[half];
    }
  }
  return {room.data(), made};
}

}  // namespace

std::string_view extract(Extract what, std::string_view value, bool is_address,
                         std::span<char, kExtractBytes> room) {
  if (what == Extract::kWhole) return value;
  if (what == Extract::kAddress) return address_in(value);
  if (what == Extract::kReversedAddress) return reversed(address_in(value), room);
  std::string_view host;
  if (is_address) {
    const size_t at = value.rfind('@');
    if (at != std::string_view::npos) host = value.substr(at + 1);
    host = host.substr(0, static_cast<size_t>(std::ranges::find_if(host, is_space) - host.begin()));
  } else {
    host = host_in(value);
  }
  return what == Extract::kDomain && !host.empty() ? registered_of(host, room) : host;
}

}  // namespace postern::scan
