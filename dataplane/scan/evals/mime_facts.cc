#include "dataplane/scan/evals/mime_facts.h"

#include <algorithm>

#include "dataplane/mime/ascii.h"

namespace postern::scan::evals {
namespace {

using mime::hex_value;
using mime::is_digit;

void assign_lower(std::string_view text, auto& out) {
  out.clear();
  for (char c : text) out.append(mime::to_lower(c));
}

bool contains(std::string_view text, std::string_view word) { return text.find(word) != text.npos; }

// A name of US-ASCII, or one with it inside, as SpamAssassin looks for it.
bool names_ascii(std::string_view charset) {
  for (std::string_view name :
       {"us", "ascii", "ansi_x3.4-19", "iso-ir-6", "iso_646.irv:1991", "ibm367", "cp367"}) {
    if (contains(charset, name)) return true;
  }
  return false;
}

// Charsets of which letters without capitals are a part.
bool is_caseless(std::string_view charset) {
  for (std::string_view name : {"koi", "jp", "jis", "euc", "gb", "big5", "isoir", "cp1251",
                                "windows-1251", "georgianps", "pt154", "tis"}) {
    if (contains(charset, name)) return true;
  }
  return false;
}

// "iso-…-…" that is none of the known ones.
bool is_bad_iso(std::string_view charset) {
  const size_t at = charset.find("iso-");
  if (at == charset.npos || charset.find('-', at + 5) == charset.npos) return false;
  for (size_t i = at; i != charset.npos; i = charset.find("iso-", i + 1)) {
    const std::string_view rest = charset.substr(i + 4);
    if (rest.starts_with("2022-jp") || rest.starts_with("2022-kr")) return false;
    if (rest.starts_with("8859-") && rest.size() > 5 && is_digit(rest[5])) {
      const size_t digits = rest.size() > 6 && is_digit(rest[6]) ? 2 : 1;
      if (rest.size() == 5 + digits || !mime::is_alnum(rest[5 + digits])) return false;
    }
  }
  return true;
}

// "=41" and the like: printable characters that need no encoding.
bool is_needless_code(std::string_view code) {
  const char high = code[1];
  const char low = code[2];
  const bool hex = is_digit(low) || (low >= 'A' && low <= 'F');
  switch (high) {
    case '0':
      return low == '9';
    case '3':
      return is_digit(low) || low == 'A' || low == 'B' || low == 'C' || low == 'E' || low == 'F';
    case '7':
      return is_digit(low) || (low >= 'A' && low <= 'E');
    case '2':
    case '4':
    case '5':
    case '6':
      return hex;
    default:
      return false;
  }
}

}  // namespace

void MimeFacts::begin() { *this = MimeFacts(); }

void MimeFacts::finish(bool missing_boundary) { missing_boundary_ = missing_boundary; }

void MimeFacts::entity_begin(uint32_t nesting, bool part) {
  part_ = part;
  has_fields_ = false;
  nesting_ = std::min<size_t>(nesting, kNesting - 1);
  if (alternative_ != kNesting && nesting_ <= alternative_) alternative_ = kNesting;
  encoding_.clear();
  disposition_.clear();
  leaf_ = false;
}

void MimeFacts::entity_field(std::string_view name, std::string_view value) {
  constexpr size_t kLongName = 256;
  constexpr size_t kLongValue = 8192;
  has_fields_ = true;
  // Of parts SpamAssassin takes fields of any length.
  if (entities_ == 0 && (name.size() > kLongName || value.size() > kLongValue)) long_header_ = true;
  if (mime::equals_ignoring_case(name, "content-transfer-encoding")) {
    assign_lower(value, encoding_);
  } else if (mime::equals_ignoring_case(name, "content-disposition")) {
    assign_lower(value, disposition_);
  } else if (entities_ == 0 && mime::equals_ignoring_case(name, "content-type")) {
    is_html_ = is_html_ || mime::starts_ignoring_case(value, "text/html");
  }
}

void MimeFacts::entity_headers_end(std::string_view type, std::string_view charset, bool leaf) {
  ++entities_;
  if (part_ && !has_fields_) part_without_header_ = true;
  leaf_ = leaf;
  const std::string_view encoding = encoding_.view();
  const std::string_view disposition = disposition_.view();
  const bool base64 = contains(encoding, "base64");
  attachment_ = contains(disposition, "attachment");
  is_text_html_ = type == "text/html";
  is_text_plain_ = type == "text/plain";
  const bool text = type.starts_with("text");
  if (is_text_html_) {
    ++html_parts_;
  } else if (text) {
    ++text_parts_;
  }
  if (base64) {
    ++base64_parts_;
  } else if (contains(encoding, "quoted-printable")) {
    ++quoted_printable_parts_;
  }
  if (attachment_) ++attachments_;
  if (text && base64 && (charset.empty() || names_ascii(charset)) &&
      !disposition.starts_with("attachment") && !disposition.starts_with("inline")) {
    base64_text_ = true;
  }
  if (is_bad_iso(charset)) bad_iso_charset_ = true;
  if (is_caseless(charset)) caseless_charset_ = true;
  const bool alternative = type == "multipart/alternative";
  if (alternative) has_alternative_ = true;
  const bool in_one = nesting_ > 0 && containers_[nesting_ - 1] == Container::kAlternative;
  if (leaf && in_one && type != "multipart/related" && type != "application/rtf" &&
      !type.starts_with("text/")) {
    alternative_without_text_ = true;
  }
  if (!leaf) containers_[nesting_] = alternative ? Container::kAlternative : Container::kOther;
  if (alternative && !leaf) {
    alternative_ = nesting_;
    ++alternatives_;
  }
  is_base64_ = encoding == "base64" && type != "application/ics";
  is_quoted_printable_ = encoding == "quoted-printable";
  is_unencoded_ = encoding.empty() || encoding == "7bit" || encoding == "8bit";
  is_ascii_ = charset.empty() || charset == "us-ascii";
  part_bytes_ = 0;
  line_.clear();
  carriage_return_ = false;
}

void MimeFacts::entity_octets(std::string_view encoded) {
  if (!leaf_) return;
  while (!encoded.empty()) {
    const size_t end = std::min(encoded.find('\n'), encoded.size());
    const bool ended = end < encoded.size();
    std::string_view piece = encoded.substr(0, end);
    encoded.remove_prefix(end + (ended ? 1 : 0));
    if (carriage_return_) {
      if (!(ended && piece.empty())) line_.append('\r');
      carriage_return_ = false;
    }
    if (piece.ends_with('\r')) {
      piece.remove_suffix(1);
      carriage_return_ = !ended;
    }
    while (piece.size() > kLineBytes - line_.size()) {
      const size_t taken = kLineBytes - line_.size();
      line_.append(piece.substr(0, taken));
      piece.remove_prefix(taken);
      line(line_.view(), true);
      line_.clear();
    }
    line_.append(piece);
    if (!ended) return;
    line(line_.view(), true);
    line_.clear();
  }
}

void MimeFacts::entity_end() {
  if (!leaf_) return;
  if (carriage_return_) line_.append('\r');
  if (!line_.empty()) line(line_.view(), false);
  leaf_ = false;
  if (attachment_) return;
  if (is_text_html_) html_bytes_ = part_bytes_;
  if (is_text_plain_) text_bytes_ = part_bytes_;
}

void MimeFacts::line(std::string_view text, bool ended) {
  const size_t length = text.size() + (ended ? 1 : 0);
  if (has_alternative_) part_bytes_ += static_cast<int64_t>(length);
  if (is_base64_) base64_length_ = std::max<uint64_t>(base64_length_, length);
  if (is_quoted_printable_ && !text.starts_with("SPAM: ")) quoted_printable_line(text, length);
  if (!is_text_plain_) return;
  if (is_ascii_ && std::ranges::any_of(text, [](char c) {
        return c == '\0' || c == '\r' || static_cast<signed char>(c) < 0;
      })) {
    ++illegal_ascii_;
  }
  if (!is_unencoded_) return;
  plain_bytes_ += length;
  constexpr size_t kReferenceBytes = 8;  // "&#xABCD;"
  for (size_t at = text.find("&#x"); at != text.npos; at = text.find("&#x", at + 1)) {
    if (at + kReferenceBytes > text.size() || text[at + 7] != ';') continue;
    const std::string_view digits = text.substr(at + 3, 4);
    if (!std::ranges::all_of(digits, [](char c) { return is_digit(c) || (c >= 'A' && c <= 'F'); }))
      continue;
    ++unicode_references_;
    plain_bytes_ -= kReferenceBytes;
  }
}

void MimeFacts::quoted_printable_line(std::string_view text, size_t length) {
  constexpr size_t kLongest = 78 + 1;
  if (length > kLongest) long_line_ = true;
  quoted_printable_bytes_ += length;
  int64_t codes = 0;
  for (size_t at = text.find('='); at != text.npos && at + 3 <= text.size();) {
    const bool needless = is_needless_code(text.substr(at, 3));
    if (needless) ++codes;
    at = text.find('=', at + (needless ? 3 : 1));
  }
  if (codes == 0) return;
  // White space at a line's end has to be encoded.
  while (!text.empty() && mime::is_space(text.back())) text.remove_suffix(1);
  while (text.ends_with("=20") || text.ends_with("=09")) {
    text.remove_suffix(3);
    --codes;
  }
  quoted_printable_codes_ += codes;
}

void MimeFacts::epilogue(std::string_view octets) {
  epilogue_ = epilogue_ ||
              std::ranges::any_of(octets, [](char c) { return !mime::is_space(c) && c != '.'; });
}

bool MimeFacts::parse_flag(size_t name) const {
  return std::array{epilogue_, long_header_, part_without_header_}[name];
}

double MimeFacts::multipart_ratio() const {
  if (!has_alternative_ || text_bytes_ < 0 || html_bytes_ <= 0) return 1;
  return static_cast<double>(text_bytes_) / static_cast<double>(html_bytes_);
}

double MimeFacts::quoted_printable_ratio() const {
  if (quoted_printable_bytes_ == 0) return 0;
  return static_cast<double>(quoted_printable_codes_) /
         static_cast<double>(quoted_printable_bytes_);
}

double MimeFacts::unicode_ratio() const {
  if (plain_bytes_ == 0) return 0;
  return static_cast<double>(unicode_references_) / static_cast<double>(plain_bytes_);
}

double MimeFacts::fact(size_t name) const {
  switch (name) {
    case 0:
      return base64_parts_;
    case 1:
      return base64_text_ ? 1 : 0;
    case 2:
      return html_parts_;
    case 3:
      return text_parts_;
    case 4:
      return missing_boundary_ ? 1 : 0;
    case 5:
      return has_alternative_ ? 1 : 0;
    case 6:
      return multipart_ratio();
    case 7:
      // SpamAssassin's name stands for two things: once there is such text, the codes in it.
      return quoted_printable_bytes_ > 0 ? static_cast<double>(quoted_printable_codes_)
                                         : quoted_printable_parts_;
    case 8:
      return long_line_ ? 1 : 0;
    case 9:
      return quoted_printable_ratio();
    case 10:
      return static_cast<double>(illegal_ascii_);
    case 11:
      return attachments_;
    default:
      return bad_iso_charset_ ? 1 : 0;
  }
}

}  // namespace postern::scan::evals
