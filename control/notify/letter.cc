#include "control/notify/letter.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>

#include "control/notify/mail_text.h"

namespace postern::notify {
namespace {

constexpr size_t kLongestLine = 998;  // RFC 5322 2.1.1

// A part: its own fields, and its octets, encoded.
struct Part {
  std::string fields;
  std::string body;
  std::string to_string() const { return fields + "\r\n" + body; }
};

// Goes as it is: lines of ASCII that end with CRLF and are not too long.
bool is_seven_bit(std::string_view text) {
  size_t length = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\r') {
      if (i + 1 == text.size() || text[i + 1] != '\n') return false;
      ++i;
      length = 0;
      continue;
    }
    const bool is_plain = (c >= 0x20 && c < 0x7f) || c == '\t';
    if (!is_plain || ++length > kLongestLine) return false;
  }
  return text.ends_with("\r\n");
}

std::string with_crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

// As itself where it can be, else in quoted-printable.
Part text_part(std::string_view type, std::string_view crlf_text) {
  if (is_seven_bit(crlf_text)) {
    return {fmt::format("Content-Type: {}\r\nContent-Transfer-Encoding: 7bit\r\n", type),
            std::string(crlf_text)};
  }
  return {fmt::format("Content-Type: {}\r\nContent-Transfer-Encoding: quoted-printable\r\n", type),
          quoted_printable(crlf_text)};
}

Part joined(std::string_view type, std::span<const Part> parts, std::string_view seed) {
  std::vector<std::string> texts;
  for (const Part& part : parts) texts.push_back(part.to_string());
  std::string boundary;
  for (int attempt = 0; boundary.empty(); ++attempt) {
    // "=_" stands in no quoted-printable or base64 text (RFC 2045 6.7).
    boundary =
        fmt::format("=_postern_{}", sha256(fmt::format("{}/{}", attempt, seed)).substr(0, 32));
    if (std::ranges::any_of(texts,
                            [&](const std::string& text) { return text.contains(boundary); }))
      boundary.clear();
  }
  Part whole{fmt::format("Content-Type: {};\r\n boundary=\"{}\"\r\n", type, boundary), {}};
  for (const std::string& text : texts) {
    // The break before a boundary is the boundary's (RFC 2046 5.1.1).
    whole.body += fmt::format("--{}\r\n{}\r\n", boundary, text);
  }
  whole.body += fmt::format("--{}--\r\n", boundary);
  return whole;
}

Part attached(const Attachment& attachment) {
  return {fmt::format("Content-Type: {}; name=\"{}\"\r\nContent-Transfer-Encoding: base64\r\n"
                      "Content-Disposition: attachment; filename=\"{}\"\r\n",
                      attachment.type, attachment.file_name, attachment.file_name),
          base64_lines(attachment.octets)};
}

Part body_of(const Letter& letter) {
  std::string text = with_crlf(letter.text);
  if (!text.ends_with("\r\n")) text += "\r\n";
  Part body = text_part("text/plain; charset=utf-8", text);
  if (letter.report) {
    // RFC 5965 2: these three parts, in this order.
    const Part parts[] = {std::move(body),
                          text_part("message/feedback-report", letter.report->fields),
                          text_part("text/rfc822-headers", letter.report->header_sample)};
    body = joined("multipart/report; report-type=feedback-report", parts,
                  letter.message_id + "/report");
  }
  if (letter.attachments.empty()) return body;
  std::vector<Part> parts{std::move(body)};
  for (const Attachment& attachment : letter.attachments) parts.push_back(attached(attachment));
  return joined("multipart/mixed", parts, letter.message_id);
}

}  // namespace

std::string compose(const Letter& letter) {
  std::string header;
  const auto field = [&](std::string_view name, std::string_view folded) {
    header += fmt::format("{}: {}\r\n", name, folded);
  };
  const auto text = [&](std::string_view name, std::string_view value) {
    field(name, unstructured(value, name.size() + 2));
  };
  field("From", mailbox(letter.from_name, letter.from));
  field("To", mailbox(letter.to_name, letter.to));
  if (!letter.reply_to.empty()) field("Reply-To", letter.reply_to);
  text("Subject", letter.subject);
  field("Date", mail_date(letter.date_unix_s));
  field("Message-ID", fmt::format("<{}>", letter.message_id));
  if (!letter.thread_id.empty()) {
    field("In-Reply-To", fmt::format("<{}>", letter.thread_id));
    field("References", fmt::format("<{}>", letter.thread_id));
  }
  field("Auto-Submitted", "auto-generated");  // RFC 3834 5
  field("Precedence", "bulk");                // for responders that know no better
  field("X-Auto-Response-Suppress", "All");   // Exchange knows this one
  if (!letter.language.empty()) text("Content-Language", letter.language);
  for (const auto& [name, value] : letter.more_fields) text(name, value);
  field("MIME-Version", "1.0");
  return header + body_of(letter).to_string();
}

}  // namespace postern::notify
