#include "dataplane/smtp/replies.h"

#include <arpa/inet.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/sender_part.h"
#include "dataplane/smtp/characters.h"

namespace postern::smtp {
namespace {

constexpr size_t kLongestAddress = INET6_ADDRSTRLEN - 1;
constexpr size_t kLongestHost = 253;  // RFC 1035 2.3.4, in text

std::string replaced(std::string_view text, std::string_view placeholder, std::string_view by) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    if (text.substr(at).starts_with(placeholder)) {
      out += by;
      at += placeholder.size();
    } else {
      out += text[at++];
    }
  }
  return out;
}

// "d.ddd.ddd" (RFC 3463 2), followed by a blank.
bool has_enhanced_code(std::string_view text) {
  size_t at = 0;
  if (at >= text.size() || !is_digit(text[at++])) return false;
  for (int part = 0; part < 2; ++part) {
    if (at >= text.size() || text[at++] != '.') return false;
    size_t digits = 0;
    while (at < text.size() && is_digit(text[at])) ++at, ++digits;
    if (digits == 0 || digits > 3) return false;
  }
  return at < text.size() && text[at] == ' ';
}

// What is wrong with the characters of a template or host name; empty when nothing is.
std::string character_error(std::string_view text) {
  for (const char c : text) {
    if (c < ' ' || c > '~')
      return fmt::format("holds the character 0x{:02x}; allowed is printable ASCII on one line",
                         static_cast<unsigned char>(c));
  }
  return {};
}

// Whether the reply is about a part of a sender's mail.
bool names_part(std::string_view key) { return key == "blocked_user" || key == "blocked_origin"; }

std::string placeholder_error(std::string_view key, std::string_view text) {
  for (size_t at = text.find('{'); at != text.npos; at = text.find('{', at + 1)) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("{part}") && names_part(key)) continue;
    if (!rest.starts_with("{case}") && !rest.starts_with("{ip}") && !rest.starts_with("{url}") &&
        !rest.starts_with("{host}"))
      return fmt::format("holds \"{}\"; allowed are {{case}}, {{ip}}, {{url}} and {{host}}",
                         rest.substr(0, rest.find('}') == rest.npos ? 8 : rest.find('}') + 1));
  }
  return {};
}

std::string code_error(const ReplyDescription& row, std::string_view text) {
  if (text.size() < 4 || !std::all_of(text.begin(), text.begin() + 3, is_digit) || text[3] != ' ')
    return "must begin with a reply code of three digits and a blank";
  if (!text.starts_with(row.begins))
    return fmt::format("begins with {}; its code must begin with {}", text.substr(0, 3),
                       row.begins);
  const std::string_view code = text.substr(0, 3);
  if (code.starts_with("50") || code == "555")
    return fmt::format(
        "uses code {}, which sending servers report to their own postmaster as a protocol error; "
        "use 550 to 554",
        code);
  // RFC 2034 4: no enhanced code in the greeting and in the answer to EHLO.
  if (row.begins == "220" || row.key == "hello") return {};
  if (!has_enhanced_code(text.substr(4)))
    return "needs an enhanced status code behind its code, such as \"554 5.7.1 ...\"";
  if (text[4] != text[0])
    return fmt::format("says {} but its enhanced code begins with {}; both must agree", code,
                       text[4]);
  return {};
}

// Octets of the rendered line at most, CRLF included.
size_t longest(std::string_view text, size_t host) {
  size_t length = 2;
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("{case}")) {
      length += CaseReference::kCharacters, at += 6;
    } else if (rest.starts_with("{ip}")) {
      length += kLongestAddress, at += 4;
    } else if (rest.starts_with("{host}")) {
      length += host, at += 6;
    } else if (rest.starts_with("{part}")) {
      length += SenderPart::kUserBytes, at += 6;
    } else {
      ++length, ++at;
    }
  }
  return length;
}

}  // namespace

ReplyTexts::ReplyTexts(std::string_view host) : host_(host) {
  for (size_t i = 0; i < templates_.size(); ++i)
    templates_[i] = replaced(kReplyTable[i].text, "{url}", "");
}

std::expected<ReplyTexts, std::string> ReplyTexts::create(
    std::string_view host, std::string_view url,
    const std::vector<std::pair<std::string, std::string>>& overrides) {
  if (host.empty() || host.size() > kLongestHost || host.find(' ') != host.npos ||
      !character_error(host).empty())
    return std::unexpected(
        fmt::format("host name \"{}\" in replies: expected a domain name of at most {} characters",
                    host, kLongestHost));
  if (const std::string error = character_error(url); !error.empty())
    return std::unexpected("url in replies " + error);
  if (url.find("{url}") != url.npos) return std::unexpected("url in replies holds {url} itself");

  ReplyTexts texts(host);
  std::array<std::string, static_cast<size_t>(Reply::kCount)> chosen;
  for (size_t i = 0; i < chosen.size(); ++i) chosen[i] = kReplyTable[i].text;
  for (const auto& [key, text] : overrides) {
    const auto* row = std::find_if(std::begin(kReplyTable), std::end(kReplyTable),
                                   [&key = key](const auto& r) { return r.key == key; });
    if (row == std::end(kReplyTable)) {
      std::string keys;
      for (const auto& known : kReplyTable)
        keys += (keys.empty() ? "" : ", ") + std::string(known.key);
      return std::unexpected(fmt::format("unknown reply \"{}\"; known are {}", key, keys));
    }
    chosen[static_cast<size_t>(row - kReplyTable)] = text;
  }
  for (size_t i = 0; i < chosen.size(); ++i) {
    const ReplyDescription& row = kReplyTable[i];
    std::string error = character_error(chosen[i]);
    texts.templates_[i] = replaced(chosen[i], "{url}", url);
    if (error.empty()) error = placeholder_error(row.key, texts.templates_[i]);
    if (error.empty()) error = code_error(row, chosen[i]);
    const size_t length = longest(texts.templates_[i], host.size());
    if (error.empty() && length > kReplyLineBytes)
      error = fmt::format("can become {} octets long; at most {} fit a reply line (RFC 5321)",
                          length, kReplyLineBytes);
    if (!error.empty()) return std::unexpected(fmt::format("reply \"{}\" {}", row.key, error));
  }
  return texts;
}

std::string_view ReplyTexts::render(Reply reply, CaseReference case_reference,
                                    const IpAddress& client, std::span<char> out,
                                    std::string_view part) const {
  const size_t room = std::min(out.size(), kReplyLineBytes) - 2;
  size_t used = 0;
  const auto append = [&](std::string_view text) {
    const size_t length = std::min(text.size(), room - used);
    std::copy_n(text.data(), length, out.data() + used);
    used += length;
  };
  std::string_view rest = templates_[static_cast<size_t>(reply)];
  while (!rest.empty()) {
    const size_t brace = std::min(rest.find('{'), rest.size());
    append(rest.substr(0, brace));
    rest.remove_prefix(brace);
    if (rest.starts_with("{case}")) {
      const auto characters = case_reference.characters();
      append(case_reference ? std::string_view(characters.data(), characters.size()) : "none");
      rest.remove_prefix(6);
    } else if (rest.starts_with("{ip}")) {
      char text[INET6_ADDRSTRLEN] = "";
      const bool v4 = client.is_v4();
      inet_ntop(v4 ? AF_INET : AF_INET6,
                v4 ? static_cast<const void*>(client.v4_bytes()) : client.bytes().data(), text,
                sizeof text);
      append(text);
      rest.remove_prefix(4);
    } else if (rest.starts_with("{host}")) {
      append(host_);
      rest.remove_prefix(6);
    } else if (rest.starts_with("{part}")) {
      for (const char c : part.substr(0, SenderPart::kUserBytes)) {
        append(c >= ' ' && c <= '~' ? std::string_view(&c, 1) : "?");
      }
      rest.remove_prefix(6);
    } else if (!rest.empty()) {
      append(rest.substr(0, 1));
      rest.remove_prefix(1);
    }
  }
  while (used > 4 && out[used - 1] == ' ') --used;  // an empty {url} leaves a blank
  out[used++] = '\r';
  out[used++] = '\n';
  return {out.data(), used};
}

}  // namespace postern::smtp
