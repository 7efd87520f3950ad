#include "control/notify/redaction.h"

#include <algorithm>

namespace postern::notify {
namespace {

constexpr std::string_view kRedacted = "redacted";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

size_t find_in_any_case(std::string_view text, std::string_view what, size_t from) {
  const auto found =
      std::ranges::search(text.substr(std::min(from, text.size())), what, {}, lower, lower);
  return found.empty() ? text.npos : static_cast<size_t>(found.data() - text.data());
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (size_t at = 0; (at = find_in_any_case(text, what, at)) != text.npos; at += by.size())
    text.replace(at, what.size(), by);
}

bool names_recipients(std::string_view name) {
  for (const std::string_view one :
       {"to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc", "delivered-to", "envelope-to",
        "x-envelope-to", "x-original-to", "x-delivered-to", "x-rcpt-to", "apparently-to",
        "x-forwarded-to", "x-failed-recipients", "original-recipient", "final-recipient"}) {
    if (same(name, one)) return true;
  }
  return false;
}

// The address behind "for" in a Received field (RFC 5321 4.4).
void redact_for(std::string& field) {
  for (size_t at = 0; (at = find_in_any_case(field, "for", at)) != field.npos; at += 3) {
    const bool is_word =
        at > 0 && (field[at - 1] == ' ' || field[at - 1] == '\t' || field[at - 1] == '\n');
    const size_t begin = field.find_first_not_of(" \t\r\n<", at + 3);
    if (!is_word || begin == at + 3 || begin == field.npos) continue;
    const size_t end = std::min(field.find_first_of(" \t\r\n>;", begin), field.size());
    const std::string_view address = std::string_view(field).substr(begin, end - begin);
    if (address.find('@') == address.npos) continue;
    field.replace(begin, end - begin, redacted_address(address));
  }
}

}  // namespace

std::string redacted_address(std::string_view address) {
  const size_t at = address.rfind('@');
  return std::string(kRedacted) + std::string(at == address.npos ? "" : address.substr(at));
}

std::string redacted_sample(std::string_view sample, std::span<const std::string> recipients) {
  std::string out;
  while (!sample.empty()) {
    // A field with its continuation lines.
    size_t end = 0;
    do {
      const size_t line = sample.find('\n', end);
      end = line == sample.npos ? sample.size() : line + 1;
    } while (end < sample.size() && (sample[end] == ' ' || sample[end] == '\t'));
    std::string field(sample.substr(0, end));
    sample.remove_prefix(end);
    const size_t colon = field.find(':');
    if (colon != field.npos) {
      std::string_view name = std::string_view(field).substr(0, colon);
      name = name.substr(0, name.find_last_not_of(" \t") + 1);
      if (names_recipients(name)) {
        const size_t value_end = field.find_last_not_of("\r\n") + 1;
        // RFC 5322 3.4: a group with nobody in it.
        field = field.substr(0, colon) + ": redacted:;" + field.substr(std::max(colon, value_end));
      } else if (same(name, "received")) {
        redact_for(field);
      }
    }
    out += field;
  }
  for (const std::string& recipient : recipients) {
    const size_t at = recipient.rfind('@');
    if (at == recipient.npos || at == 0) continue;
    replace_all(out, recipient, redacted_address(recipient));
    // As in addresses made for bounces: "list-bounces+anna=example.com@…".
    const std::string domain = recipient.substr(at + 1);
    replace_all(out, recipient.substr(0, at) + "=" + domain, "redacted=" + domain);
  }
  return out;
}

}  // namespace postern::notify
