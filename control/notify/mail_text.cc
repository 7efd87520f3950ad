#include "control/notify/mail_text.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <ctime>

namespace postern::notify {
namespace {

constexpr size_t kLine = 78;         // RFC 5322 2.1.1
constexpr size_t kEncodedWord = 75;  // RFC 2047 2

bool is_printable(char c) { return c >= 0x20 && c < 0x7f; }

struct Character {
  char32_t code = 0xFFFD;
  size_t octets = 1;
};

// The first of `text`, which is not empty. One octet and U+FFFD where there is no UTF-8 (RFC 3629).
Character first_of(std::string_view text) {
  const auto octet = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = octet(0);
  if (lead < 0x80) return {lead, 1};
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  char32_t code = lead & (0xFF >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((octet(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (octet(i) & 0x3F);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[length] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return {};
  return {code, length};
}

bool is_harmful(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029 ||
         (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) ||
         code == 0x200E || code == 0x200F || code == 0x061C || code == 0xFEFF || code == 0xFFFD;
}

std::string encoded_words(std::string_view text, size_t used) {
  constexpr std::string_view kBegin = "=?UTF-8?B?", kEnd = "?=";
  std::string out;
  while (!text.empty()) {
    const size_t line = std::min(kEncodedWord, kLine - std::min(kLine - 20, used));
    const size_t room = (line - kBegin.size() - kEnd.size()) / 4 * 3;
    size_t taken = 0;
    while (taken < text.size()) {
      const size_t next = first_of(text.substr(taken)).octets;
      if (taken + next > room) break;
      taken += next;
    }
    if (!out.empty()) out += "\r\n ";
    out += kBegin;
    out += base64(text.substr(0, taken));
    out += kEnd;
    text.remove_prefix(taken);
    used = 1;
  }
  return out;
}

std::tm utc(uint64_t unix_s) {
  // Years of four digits are all that the formats have.
  const auto time = static_cast<time_t>(std::min<uint64_t>(unix_s, 253'402'300'799));
  std::tm parts{};
  gmtime_r(&time, &parts);
  return parts;
}

}  // namespace

std::string one_line(std::string_view text, size_t most) {
  std::string out;
  while (!text.empty()) {
    const Character character = first_of(text);
    const std::string_view octets =
        is_harmful(character.code) ? "\xEF\xBF\xBD" : text.substr(0, character.octets);
    if (out.size() + octets.size() > most) return out + "…";
    out += octets;
    text.remove_prefix(character.octets);
  }
  return out;
}

bool is_mail_address(std::string_view text) {
  constexpr std::string_view kAtomSpecials = "!#$%&'*+-/=?^_`{|}~";
  constexpr size_t kMost = 254, kMostLocal = 64;  // RFC 5321 4.5.3.1, less the brackets
  const size_t at = text.rfind('@');
  if (at == text.npos || text.size() > kMost || at > kMostLocal) return false;
  const auto is_alnum = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const auto dotted = [](std::string_view words, auto allowed) {
    return !words.empty() && words.front() != '.' && words.back() != '.' &&
           words.find("..") == words.npos &&
           std::ranges::all_of(words, [&](char c) { return c == '.' || allowed(c); });
  };
  if (!dotted(text.substr(0, at),
              [&](char c) { return is_alnum(c) || kAtomSpecials.find(c) != kAtomSpecials.npos; })) {
    return false;
  }
  std::string_view domain = text.substr(at + 1);
  if (domain.starts_with('[') && domain.ends_with(']')) {
    domain = domain.substr(1, domain.size() - 2);
    return !domain.empty() && std::ranges::all_of(domain, [&](char c) {
      return is_alnum(c) || c == '.' || c == ':' || c == '-';
    });
  }
  return dotted(domain, [&](char c) { return is_alnum(c) || c == '-' || c == '_'; });
}

std::string unstructured(std::string_view value, size_t name_octets) {
  const std::string clean = one_line(value, 4000);
  // A reader would decode what looks like an encoded word; fields do not begin or end with spaces.
  const bool plain = std::ranges::all_of(clean, is_printable) && clean.find("=?") == clean.npos &&
                     clean == std::string_view(clean).substr(
                                  std::min(clean.find_first_not_of(' '), clean.size())) &&
                     !clean.ends_with(' ');
  if (!plain) return encoded_words(clean, name_octets);
  std::string out;
  size_t used = name_octets;
  for (size_t begin = 0; begin < clean.size();) {
    // A word with the spaces before it.
    const size_t word = clean.find_first_not_of(' ', begin);
    const size_t end = std::min(clean.find(' ', word), clean.size());
    if (used + (end - begin) > kLine) {
      if (begin == 0 || end - begin > kLine) return encoded_words(clean, name_octets);
      out += "\r\n";
      used = 0;
    }
    out += clean.substr(begin, end - begin);
    used += end - begin;
    begin = end;
  }
  return out;
}

std::string mailbox(std::string_view name, std::string_view address) {
  const std::string clean = one_line(name, 100);
  if (clean.empty()) return std::string(address);
  const bool plain =
      std::ranges::all_of(clean, [](char c) { return is_printable(c) && c != '"' && c != '\\'; });
  if (plain && clean.find("=?") == clean.npos)
    return fmt::format("\"{}\"\r\n <{}>", clean, address);
  return fmt::format("{}\r\n <{}>", encoded_words(clean, 20), address);
}

std::string mail_date(uint64_t unix_s) {
  // Not strftime: the names are English whatever the locale.
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::tm t = utc(unix_s);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000", kDays[t.tm_wday], t.tm_mday,
                     kMonths[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

std::string base64(std::string_view octets) {
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL;
  std::string out(sodium_base64_encoded_len(octets.size(), kVariant), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(octets.data()),
                    octets.size(), kVariant);
  out.pop_back();  // the terminator
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string out(text.size(), '\0');
  size_t length = 0;
  const char* end = nullptr;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(),
                        text.size(), nullptr, &length, &end, sodium_base64_VARIANT_ORIGINAL) != 0 ||
      end != text.data() + text.size()) {
    return std::nullopt;
  }
  out.resize(length);
  return out;
}

std::string quoted_printable(std::string_view text) {
  constexpr size_t kMost = 76;
  std::string out;
  size_t used = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n' || (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n')) {
      if (c == '\r') ++i;
      out += "\r\n";
      used = 0;
      continue;
    }
    const bool ends = i + 1 == text.size() || text[i + 1] == '\n' ||
                      (text[i + 1] == '\r' && i + 2 < text.size() && text[i + 2] == '\n');
    const bool is_blank = c == ' ' || c == '\t';
    // A line that is a dot, or begins with "From ", is changed by some on its way.
    const bool literal = is_blank ? !ends
                                  : is_printable(c) && c != '=' && !(used == 0 && c == '.') &&
                                        !(used == 0 && text.substr(i).starts_with("From "));
    const size_t needs = literal ? 1 : 3;
    if (used + needs > kMost - (ends ? 0 : 1)) {
      out += "=\r\n";
      used = 0;
    }
    if (literal) {
      out += c;
    } else {
      out += fmt::format("={:02X}", static_cast<unsigned char>(c));
    }
    used += needs;
  }
  return out;
}

std::string base64_lines(std::string_view octets) {
  std::string out;
  constexpr size_t kOctetsOfALine = 57;
  for (; !octets.empty(); octets.remove_prefix(std::min(kOctetsOfALine, octets.size()))) {
    out += base64(octets.substr(0, kOctetsOfALine));
    out += "\r\n";
  }
  return out;
}

std::string sha256(std::string_view octets) {
  unsigned char digest[crypto_hash_sha256_BYTES];
  crypto_hash_sha256(digest, reinterpret_cast<const unsigned char*>(octets.data()), octets.size());
  std::string out(2 * sizeof digest + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), digest, sizeof digest);
  out.pop_back();
  return out;
}

}  // namespace postern::notify
