#include "dataplane/mime/host_name.h"

#include <arpa/inet.h>
#include <libpsl.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "dataplane/mime/ascii.h"

namespace postern::mime {
namespace {

constexpr size_t kWrittenBytes = 1024;
constexpr int32_t kUnits = 512;  // UTF-16 units of a folded name
constexpr size_t kLabelBytes = 63;

// --- RFC 3492 ---

constexpr uint32_t kBase = 36, kTMin = 1, kTMax = 26, kSkew = 38, kDamp = 700;

uint32_t adapt(uint32_t delta, uint32_t points, bool first) {
  delta /= first ? kDamp : 2;
  delta += delta / points;
  uint32_t k = 0;
  for (; delta > (kBase - kTMin) * kTMax / 2; k += kBase) delta /= kBase - kTMin;
  return k + (kBase - kTMin + 1) * delta / (delta + kSkew);
}

constexpr char digit(uint32_t value) {
  return static_cast<char>(value < 26 ? 'a' + value : '0' + value - 26);
}

// Code points of a label that holds some beyond ASCII, appended as an A-label.
template <size_t N>
bool append_a_label(std::span<const char32_t> label, FixedText<N>& out) {
  if (!out.append("xn--")) return false;
  uint32_t handled = 0;
  for (char32_t c : label) {
    if (c >= 0x80) continue;
    if (!out.append(static_cast<char>(c))) return false;
    ++handled;
  }
  const uint32_t basic = handled;
  if (basic > 0 && !out.append('-')) return false;
  uint32_t n = 0x80, bias = 72, delta = 0;
  while (handled < label.size()) {
    char32_t next = 0x110000;
    for (char32_t c : label) {
      if (c >= n) next = std::min(next, c);
    }
    // At most kUnits points below 0x110000: no overflow.
    delta += (next - n) * (handled + 1);
    n = next;
    for (char32_t c : label) {
      if (c < n) ++delta;
      if (c != n) continue;
      uint32_t q = delta;
      for (uint32_t k = kBase;; k += kBase) {
        const uint32_t t = std::clamp(k > bias ? k - bias : 0, kTMin, kTMax);
        if (q < t) break;
        if (!out.append(digit(t + (q - t) % (kBase - t)))) return false;
        q = (q - t) / (kBase - t);
      }
      if (!out.append(digit(q))) return false;
      bias = adapt(delta, handled + 1, handled == basic);
      delta = 0;
      ++handled;
    }
    ++delta;
    ++n;
  }
  return true;
}

// --- names beyond ASCII ---

const UNormalizer2* folding() {
  static const UNormalizer2* const instance = [] {
    UErrorCode error = U_ZERO_ERROR;
    return unorm2_getNFKCCasefoldInstance(&error);
  }();
  return instance;
}

// Sharp s and final sigma fold to other letters, but are letters of names of their own (RFC 5894
// 7.2), and so browsers take them.
bool stays(UChar c) { return c == 0x00df || c == 0x03c2; }

// Returns the folded name's units in `out`; nothing when it does not fit.
std::optional<std::span<const UChar>> fold(std::span<const UChar> text, std::span<UChar> out) {
  size_t made = 0;
  while (!text.empty()) {
    const size_t run = static_cast<size_t>(std::ranges::find_if(text, stays) - text.begin());
    UErrorCode error = U_ZERO_ERROR;
    const auto room = static_cast<int32_t>(out.size() - made);
    const int32_t folded = unorm2_normalize(folding(), text.data(), static_cast<int32_t>(run),
                                            out.data() + made, room, &error);
    if (U_FAILURE(error) || folded >= room) return std::nullopt;
    made += static_cast<size_t>(folded);
    text = text.subspan(run);
    if (!text.empty()) {
      out[made++] = text[0];
      text = text.subspan(1);
    }
  }
  return out.first(made);
}

constexpr bool is_dot(char32_t c) { return c == '.' || c == 0x3002; }

template <size_t N>
bool append_ascii_name(std::string_view utf8, FixedText<N>& out) {
  std::array<UChar, kUnits> units, room;
  int32_t length = 0;
  UErrorCode error = U_ZERO_ERROR;
  u_strFromUTF8(units.data(), kUnits, &length, utf8.data(), static_cast<int32_t>(utf8.size()),
                &error);
  if (U_FAILURE(error)) return false;
  const auto folded = fold(std::span(units).first(static_cast<size_t>(length)), room);
  if (!folded) return false;
  std::array<char32_t, kUnits> label;
  size_t points = 0;
  bool ascii = true;
  const auto end_label = [&] {
    bool fits = true;
    if (ascii) {
      for (size_t i = 0; i < points; ++i) fits &= out.append(static_cast<char>(label[i]));
    } else {
      fits = append_a_label(std::span(label).first(points), out);
    }
    points = 0;
    ascii = true;
    return fits;
  };
  for (size_t at = 0; at < folded->size();) {
    UChar32 c;
    U16_NEXT(folded->data(), at, folded->size(), c);
    if (is_dot(static_cast<char32_t>(c))) {
      if (!end_label() || !out.append('.')) return false;
      continue;
    }
    label[points++] = static_cast<char32_t>(c);
    ascii &= c < 0x80;
  }
  return end_label();
}

// --- addresses ---

// One number of an IPv4 address: decimal, octal with "0" before it, hexadecimal with "0x".
std::optional<uint64_t> read_number(std::string_view text) {
  if (text.empty()) return std::nullopt;
  unsigned base = 10;
  if (text.starts_with("0x")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
    text.remove_prefix(1);
  }
  uint64_t value = 0;
  for (char c : text) {
    const int digit = hex_value(c);
    if (digit < 0 || static_cast<unsigned>(digit) >= base) return std::nullopt;
    value = std::min<uint64_t>(value * base + static_cast<unsigned>(digit), 1ull << 33);
  }
  return value;
}

bool ends_in_number(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  return !last.empty() && (std::ranges::all_of(last, is_digit) ||
                           (last.starts_with("0x") && read_number(last).has_value()));
}

std::optional<uint32_t> read_v4(std::string_view name) {
  uint64_t address = 0;
  for (int part = 0; part < 4; ++part) {
    const size_t dot = name.find('.');
    const auto number = read_number(name.substr(0, dot));
    if (!number) return std::nullopt;
    if (dot == name.npos) {  // the last one fills what is left
      const int bits = 8 * (4 - part);
      if (*number >> bits != 0) return std::nullopt;
      return static_cast<uint32_t>(address << bits | *number);
    }
    if (*number > 255) return std::nullopt;
    address = address << 8 | *number;
    name.remove_prefix(dot + 1);
  }
  return std::nullopt;
}

bool read_v6(std::string_view inside, HostName* host) {
  char terminated[INET6_ADDRSTRLEN];
  inside = inside.substr(0, inside.find('%'));
  if (inside.size() >= sizeof terminated) return false;
  std::memcpy(terminated, inside.data(), inside.size());
  terminated[inside.size()] = '\0';
  uint8_t bytes[16];
  if (inet_pton(AF_INET6, terminated, bytes) != 1) return false;
  static constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  host->is_v6 = std::memcmp(bytes, kMapped, sizeof kMapped) != 0;
  inet_ntop(host->is_v6 ? AF_INET6 : AF_INET, host->is_v6 ? bytes : bytes + 12, terminated,
            sizeof terminated);
  host->is_address = true;
  return host->name.assign(terminated);
}

bool is_name(std::string_view name) {
  size_t label = 0;
  for (char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if ((is_alnum(c) || c == '-' || c == '_') && label < kLabelBytes) {
      ++label;
    } else {
      return false;
    }
  }
  return label > 0;
}

const psl_ctx_t* public_suffixes() {
  static const psl_ctx_t* const list = psl_latest(nullptr);  // the system's, else the library's own
  return list;
}

// Hosts that this thread has looked up before: mail names few of them again and again, and the list
// is what costs most.
struct Known {
  std::array<char, 62> host;
  uint8_t size, domain_at;
};
constinit thread_local std::array<Known, 1024> known_domains{};

std::string_view look_up_domain(std::string_view name) {
  char terminated[HostName::kBytes + 2];
  std::memcpy(terminated, name.data(), name.size());
  terminated[name.size()] = '\0';
  const char* domain = psl_registrable_domain(public_suffixes(), terminated);
  return domain == nullptr ? std::string_view{} : name.substr(domain - terminated);
}

}  // namespace

bool read_host(std::string_view written, HostName* host) {
  host->name.clear();
  host->is_address = host->is_v6 = false;
  if (written.starts_with('[')) {
    return written.ends_with(']') && read_v6(written.substr(1, written.size() - 2), host);
  }
  FixedText<kWrittenBytes> decoded;
  bool ascii = true;
  for (size_t at = 0; at < written.size(); ++at) {
    char c = written[at];
    if (c == '%' && at + 2 < written.size() && hex_value(written[at + 1]) >= 0 &&
        hex_value(written[at + 2]) >= 0) {
      c = static_cast<char>(hex_value(written[at + 1]) << 4 | hex_value(written[at + 2]));
      at += 2;
    }
    if (!decoded.append(to_lower(c))) return false;
    ascii &= (c & 0x80) == 0;
  }
  if (ascii) {
    std::string_view name = decoded.view();
    if (name.ends_with('.')) name.remove_suffix(1);
    if (!host->name.assign(name)) return false;
  } else {
    if (!append_ascii_name(decoded.view(), host->name)) return false;
    if (host->name.view().ends_with('.')) host->name.resize(host->name.size() - 1);
  }
  const std::string_view name = host->name.view();
  if (name.size() > HostName::kBytes || !is_name(name)) return false;
  if (!ends_in_number(name)) return true;
  const auto address = read_v4(name);
  if (!address) return false;
  char printed[INET_ADDRSTRLEN];
  const uint32_t network = htonl(*address);
  inet_ntop(AF_INET, &network, printed, sizeof printed);
  host->is_address = true;
  return host->name.assign(printed);
}

void load_public_suffixes() {
  public_suffixes();
  folding();
}

std::string_view registrable_domain(const HostName& host) {
  if (host.is_address || public_suffixes() == nullptr) return {};
  const std::string_view name = host.name.view();
  Known& known = known_domains[std::hash<std::string_view>()(name) % known_domains.size()];
  if (std::string_view(known.host.data(), known.size) == name) return name.substr(known.domain_at);
  const std::string_view domain = look_up_domain(name);
  if (name.size() <= known.host.size()) {
    std::ranges::copy(name, known.host.begin());
    known.size = static_cast<uint8_t>(name.size());
    known.domain_at = static_cast<uint8_t>(name.size() - domain.size());
  }
  return domain;
}

bool is_top_level_domain(std::string_view label) {
  std::array<char, 64> lower;
  if (label.empty() || label.size() >= lower.size() || public_suffixes() == nullptr) return false;
  std::ranges::transform(label, lower.begin(), to_lower);
  lower[label.size()] = '\0';
  if (std::ranges::find(label, '.') != label.end()) return false;
  const auto listed = [](const char* name) {
    return psl_is_public_suffix2(public_suffixes(), name, PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE);
  };
  if (listed(lower.data())) return true;
  // Some countries register below second levels alone, and only those are listed.
  if (label.size() != 2) return false;
  for (std::string_view second : {"co.", "com.", "ac.", "gov."}) {
    FixedText<8> name;
    name.append(second);
    name.append({lower.data(), 3});
    if (listed(name.data())) return true;
  }
  return false;
}

}  // namespace postern::mime
