#include "dataplane/mime/uri_link.h"

#include <algorithm>

#include "dataplane/mime/ascii.h"

namespace postern::mime {
namespace {

constexpr OctetSet kAuthorityEnds("/\\?#"), kParameterEnds("&#");

// White space and control characters within, as browsers have it.
constexpr bool is_dropped(char c) { return static_cast<uint8_t>(c) < ' ' || c == '\x7f'; }
constexpr bool is_slash(char c) { return c == '/' || c == '\\'; }
// Those for which a percent sign is never needed (RFC 3986 2.3).
constexpr bool is_unreserved(char c) {
  return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

// The octet that "%XX" at the beginning of `text` stands for; -1 when none stands there.
int percent_octet(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return -1;
  const int high = hex_value(text[1]);
  const int low = hex_value(text[2]);
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

// Decodes in place; returns how much is left.
size_t percent_decode(char* text, size_t size) {
  size_t made = 0;
  for (size_t at = 0; at < size; ++at) {
    const int octet = percent_octet({text + at, size - at});
    text[made++] = octet < 0 ? text[at] : static_cast<char>(octet);
    if (octet >= 0) at += 2;
  }
  return made;
}

struct Scheme {
  std::string_view name;
  std::string_view default_port;
  std::string_view rest;  // of the URI, behind the slashes
};

// The scheme of a URI that leads to a host; its name is empty when it does not.
Scheme read_scheme(std::string_view uri) {
  static constexpr Scheme kSchemes[] = {
      {"http", "80", {}}, {"https", "443", {}}, {"ftp", "21", {}}};
  size_t at = 0;
  while (at < uri.size() && (is_alnum(uri[at]) || uri[at] == '+' || uri[at] == '-')) ++at;
  Scheme scheme;
  if (at < uri.size() && uri[at] == ':') {
    for (const Scheme& known : kSchemes) {
      if (equals_ignoring_case(uri.substr(0, at), known.name)) scheme = known;
    }
    ++at;
  } else if (starts_ignoring_case(uri, "www.") ||
             (uri.size() > 2 && is_slash(uri[0]) && is_slash(uri[1]))) {
    scheme = kSchemes[0];
    at = 0;
  }
  while (at < uri.size() && is_slash(uri[at])) ++at;
  scheme.rest = uri.substr(at);
  return scheme;
}

struct Authority {
  std::string_view host, port;
};

Authority read_authority(std::string_view text) {
  if (const size_t at = text.rfind('@'); at != text.npos) text.remove_prefix(at + 1);
  Authority authority{text, {}};
  const size_t bracket = text.find(']');
  const size_t colon = text.find(':', text.starts_with('[') && bracket != text.npos ? bracket : 0);
  if (colon != text.npos) {
    authority = {text.substr(0, colon), text.substr(colon + 1)};
    if (!std::ranges::all_of(authority.port, is_digit)) authority.port = {};
  }
  while (authority.port.size() > 1 && authority.port[0] == '0') authority.port.remove_prefix(1);
  return authority;
}

template <size_t N>
void append_tail(std::string_view tail, FixedText<N>& out) {
  if (tail.empty() || !is_slash(tail[0])) out.append('/');
  bool path = true;
  for (size_t at = 0; at < tail.size(); ++at) {
    const char c = tail[at];
    if (c == '?' || c == '#') path = false;
    const int octet = percent_octet(tail.substr(at));
    if (octet >= 0 && octet < 0x80 && is_unreserved(static_cast<char>(octet))) {
      out.append(static_cast<char>(octet));
      at += 2;
    } else if (octet >= 0) {
      static constexpr std::string_view kDigits = "0123456789ABCDEF";
      const char written[3] = {'%', kDigits[static_cast<size_t>(octet >> 4)],
                               kDigits[static_cast<size_t>(octet & 15)]};
      out.append(std::string_view(written, sizeof written));
      at += 2;
    } else {
      out.append(path && c == '\\' ? '/' : c);
    }
  }
}

// How often `text` must be percent-decoded so that it begins with `c`; -1 when it never does.
int encoded(std::string_view text, char c, size_t* length) {
  if (!text.empty() && text[0] == c) return *length = 1, 0;
  if (percent_octet(text) == c) return *length = 3, 1;
  if (percent_octet(text) == '%' && text.size() >= 5) {
    const char inner[3] = {'%', text[3], text[4]};
    if (percent_octet(std::string_view(inner, 3)) == c) return *length = 5, 2;
  }
  return -1;
}

}  // namespace

// Makes what was read last what it redirects to; false when it does not.
bool LinkReader::follow() {
  const char* const begin = uri_.data();
  const char* const end = begin + uri_.size();
  for (const char* p = begin + std::min(tail_ + 1, uri_.size());
       (p = find_either(p, end, 'h', 'H')) < end; ++p) {
    const auto at = static_cast<size_t>(p - begin);
    if (at + 7 >= uri_.size()) return false;
    const std::string_view text = uri_.view().substr(at);
    if (!starts_ignoring_case(text, "http")) continue;
    size_t behind = to_lower(text[4]) == 's' ? 5 : 4;
    size_t length = 0;
    const int layers = encoded(text.substr(behind), ':', &length);
    if (layers < 0) continue;
    behind += length;
    const std::string_view slash = text.substr(behind);
    if (encoded(slash, '/', &length) < 0 && encoded(slash, '\\', &length) < 0) continue;
    // Plain, it may have parameters of its own; encoded, an "&" is the redirector's.
    uri_.resize(at + (layers > 0 ? kParameterEnds.find_in(text) : text.size()));
    uri_.remove_prefix(at);
    for (int layer = 0; layer < layers; ++layer) {
      uri_.resize(percent_decode(uri_.data(), uri_.size()));
    }
    return true;
  }
  return false;
}

bool LinkReader::tell(bool with_uri, RenderSink* sink) {
  const Scheme scheme = read_scheme(uri_.view());
  if (scheme.name.empty()) return false;
  const size_t end = kAuthorityEnds.find_in(scheme.rest);
  const Authority authority = read_authority(scheme.rest.substr(0, end));
  const std::string_view tail = scheme.rest.substr(end);
  tail_ = uri_.size() - tail.size();
  if (authority.host.empty() || authority.host != written_.view()) {
    written_.clear();
    if (!read_host(authority.host, &host_)) return false;
    // One that is cut is not to be taken for another.
    if (!written_.assign(authority.host)) written_.clear();
  }
  if (!with_uri) {
    sink->link({{}, host_.name.view(), registrable_domain(host_)});
    return true;
  }
  canonical_.assign(scheme.name);
  canonical_.append("://");
  if (host_.is_v6) canonical_.append('[');
  const size_t at = canonical_.size();
  canonical_.append(host_.name.view());
  const std::string_view host = canonical_.view().substr(at);
  if (host_.is_v6) canonical_.append(']');
  if (!authority.port.empty() && authority.port != scheme.default_port) {
    canonical_.append(':');
    canonical_.append(authority.port);
  }
  append_tail(tail, canonical_);
  sink->link({canonical_.view(), host, registrable_domain(host_)});
  return true;
}

void LinkReader::read(std::string_view uri, RenderSink* sink, bool with_uri) {
  const std::string_view text = trim(uri);
  bool dropped = false;
  for (const char c : text) dropped |= is_dropped(c);
  if (!dropped) {
    uri_.assign(text);
  } else {
    uri_.clear();
    for (const char c : text) {
      if (!is_dropped(c) && !uri_.append(c)) break;
    }
  }
  for (int followed = 0; tell(with_uri, sink) && followed < kRedirections && follow(); ++followed)
    continue;
}

}  // namespace postern::mime
