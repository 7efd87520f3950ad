#include "dataplane/mime/content_type.h"

#include <algorithm>
#include <array>

#include "dataplane/mime/ascii.h"

namespace postern::mime {
namespace {

// What ends a parameter's name, its value, a value that is a file name, and a type.
constexpr OctetSet kNameEnds("= \t\r\n;("), kValueEnds("; \t\r\n"), kFileNameEnds(";\r\n"),
    kTypeEnds("; \t\r\n(");

// One "name=value"; a value may be cut into sections: "name*0*=" (RFC 2231 3).
struct Parameter {
  std::string_view name;   // without the "*" parts
  std::string_view value;  // without quotes, with its backslashes
  bool quoted = false;
  bool extended = false;  // percent-encoded, the first section begins with charset'language'
  int section = -1;       // -1: the value is whole
};

std::string_view skip_space_and_comments(std::string_view text) {
  while (!text.empty()) {
    if (is_space(text[0]) || text[0] == ';' || text[0] == ',') {
      text.remove_prefix(1);
    } else if (text[0] == '(') {
      const size_t close = text.find(')');
      text.remove_prefix(close == text.npos ? text.size() : close + 1);
    } else {
      break;
    }
  }
  return text;
}

void read_sections(Parameter& parameter) {
  std::string_view& name = parameter.name;
  if (name.ends_with('*')) {
    parameter.extended = true;
    name.remove_suffix(1);
  }
  const size_t star = name.find('*');
  if (star == name.npos) return;
  int section = 0;
  for (char c : name.substr(star + 1)) {
    if (!is_digit(c) || section > 999) return;
    section = section * 10 + (c - '0');
  }
  parameter.section = section;
  name = name.substr(0, star);
}

// Takes the next parameter off `text`; its name is empty at the end.
Parameter next_parameter(std::string_view& text) {
  Parameter parameter;
  while (parameter.name.empty()) {
    text = skip_space_and_comments(text);
    if (text.empty()) return parameter;
    const size_t end = kNameEnds.find_in(text);
    const std::string_view name = text.substr(0, end);
    text.remove_prefix(end);
    std::string_view rest = trim(text);
    if (!rest.starts_with('=')) {
      if (end == 0) text.remove_prefix(1);
      continue;  // a word that is no parameter
    }
    parameter.name = name;
    text = rest.substr(1);
    while (!text.empty() && is_space(text[0])) text.remove_prefix(1);
  }
  read_sections(parameter);
  if (text.starts_with('"')) {
    parameter.quoted = true;
    size_t close = 1;
    while (close < text.size() && text[close] != '"') close += text[close] == '\\' ? 2 : 1;
    close = std::min(close, text.size());
    parameter.value = text.substr(1, close - 1);
    text.remove_prefix(std::min(close + 1, text.size()));
  } else {
    // File names are often written bare, blanks and all.
    const bool name = ends_ignoring_case(parameter.name, "name");
    const size_t end = (name ? kFileNameEnds : kValueEnds).find_in(text);
    parameter.value = trim(text.substr(0, end));
    text.remove_prefix(end);
  }
  return parameter;
}

template <size_t N>
void append_unquoted(const Parameter& parameter, FixedText<N>& out) {
  const std::string_view value = parameter.value;
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\r' || value[i] == '\n') continue;
    // Only what needs a backslash: Windows paths come unescaped.
    if (parameter.quoted && value[i] == '\\' && i + 1 < value.size() &&
        (value[i + 1] == '"' || value[i + 1] == '\\')) {
      ++i;
    }
    out.append(value[i]);
  }
}

template <size_t N>
void append_percent_decoded(std::string_view value, FixedText<N>& out) {
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '%' && i + 2 < value.size() && hex_value(value[i + 1]) >= 0 &&
        hex_value(value[i + 2]) >= 0) {
      out.append(static_cast<char>(hex_value(value[i + 1]) << 4 | hex_value(value[i + 2])));
      i += 2;
    } else {
      out.append(value[i]);
    }
  }
}

// The octets of parameter `key`, its sections joined; `charset` is set when it was extended.
template <size_t N>
bool find_parameter(std::string_view text, std::string_view key, FixedText<N>& out,
                    std::string_view& charset) {
  constexpr size_t kSections = 64;
  std::array<Parameter, kSections> sections;
  size_t count = 0;
  charset = {};
  out.clear();
  while (true) {
    const Parameter parameter = next_parameter(text);
    if (parameter.name.empty()) break;
    if (!equals_ignoring_case(parameter.name, key)) continue;
    // An extended value, whole, is better than a plain one; the first plain one counts.
    if (parameter.section < 0) {
      if (count > 0 && !(parameter.extended && !sections[0].extended)) continue;
      sections[0] = parameter;
      count = 1;
    } else if (count < kSections && !(count > 0 && sections[0].section < 0)) {
      sections[count++] = parameter;
    }
  }
  std::sort(sections.begin(), sections.begin() + static_cast<ptrdiff_t>(count),
            [](const Parameter& a, const Parameter& b) {
              return a.section != b.section ? a.section < b.section
                                            : a.value.data() < b.value.data();
            });
  for (size_t i = 0; i < count; ++i) {
    if (!sections[i].extended) {
      append_unquoted(sections[i], out);
      continue;
    }
    std::string_view value = sections[i].value;
    if (i == 0) {
      const size_t language = value.find('\'');
      const size_t start = language == value.npos ? value.npos : value.find('\'', language + 1);
      if (start != value.npos) {
        charset = value.substr(0, language);
        value.remove_prefix(start + 1);
      }
    }
    append_percent_decoded(value, out);
  }
  return count > 0;
}

template <size_t N>
void lower(FixedText<N>& text) {
  std::transform(text.data(), text.data() + text.size(), text.data(), to_lower);
}

}  // namespace

void ContentFields::begin() {
  type_.clear();
  charset_.clear();
  boundary_.clear();
  type_name_.clear();
  disposition_name_.clear();
  encoding_ = TransferEncoding::kIdentity;
  other_boundary_.clear();
  named_ = 0;
  html_ = names_inline_files_ = false;
  type_fields_ = encoding_fields_ = 0;
}

void ContentFields::field(std::string_view name, std::string_view value) {
  if (!starts_ignoring_case(name, "content-")) return;
  name.remove_prefix(8);
  if (equals_ignoring_case(name, "type")) {
    content_type(value);
  } else if (equals_ignoring_case(name, "transfer-encoding")) {
    transfer_encoding(value);
  } else if (equals_ignoring_case(name, "disposition")) {
    file_name(value.substr(std::min(value.find(';'), value.size())), "filename", disposition_name_);
    if (disposition_name_.empty()) file_name(value, "name", disposition_name_);
  }
}

void ContentFields::content_type(std::string_view value) {
  ++type_fields_;
  value = skip_space_and_comments(value);
  const size_t end = kTypeEnds.find_in(value);
  type_.clear();
  for (char c : value.substr(0, end)) {
    if (c > ' ' && c < 0x7f && c != '"') type_.append(to_lower(c));
  }
  const std::string_view parameters = value.substr(end);
  std::string_view ignored;
  find_parameter(parameters, "charset", charset_, ignored);
  // Some mailers quote with apostrophes.
  const std::string_view bare = trim(charset_.view());
  FixedText<ConverterCache::kLabelBytes> label;
  for (char c : bare) {
    if (c != '\'' && c != '"') label.append(c);
  }
  lower(label);
  charset_ = label;
  html_ = html_ || type_.view() == "text/html";
  read_boundaries(parameters);
  file_name(parameters, "name", type_name_);
}

void ContentFields::read_boundaries(std::string_view parameters) {
  const FixedText<decltype(boundary_)::kCapacity> former = boundary_;
  std::string_view ignored;
  find_parameter(parameters, "boundary", boundary_, ignored);
  while (!boundary_.empty() && is_space(boundary_.view().back())) {
    boundary_.resize(boundary_.size() - 1);  // added by a gateway, says RFC 2046
  }
  if (!former.empty() && former.view() != boundary_.view()) other_boundary_ = former;
  while (!parameters.empty()) {
    const Parameter parameter = next_parameter(parameters);
    if (parameter.name.empty()) break;
    // Of one in sections, or extended, there are no two.
    if (!equals_ignoring_case(parameter.name, "boundary") || parameter.section >= 0 ||
        parameter.extended) {
      continue;
    }
    FixedText<decltype(boundary_)::kCapacity> named;
    append_unquoted(parameter, named);
    while (!named.empty() && is_space(named.view().back())) named.resize(named.size() - 1);
    if (!named.empty() && named.view() != boundary_.view()) other_boundary_ = named;
  }
}

// The encodings that `words` name, rightly or nearly.
void ContentFields::name_encodings(std::string_view words) {
  const auto name = [this](TransferEncoding encoding) {
    named_ = static_cast<uint8_t>(named_ | 1u << static_cast<unsigned>(encoding));
  };
  if (encoding_ == TransferEncoding::kIdentity) name(TransferEncoding::kIdentity);
  for (size_t at = 0; at < words.size(); ++at) {
    const std::string_view rest = words.substr(at);
    if (starts_ignoring_case(rest, "base") || starts_ignoring_case(rest, "64")) {
      name(TransferEncoding::kBase64);
    }
    if (starts_ignoring_case(rest, "uue") || starts_ignoring_case(rest, "yenc")) {
      names_inline_files_ = true;
    }
    if (starts_ignoring_case(rest, "quot") || starts_ignoring_case(rest, "printable")) {
      name(TransferEncoding::kQuotedPrintable);
    }
  }
}

void ContentFields::transfer_encoding(std::string_view value) {
  ++encoding_fields_;
  const std::string_view words = value;
  value = trim(skip_space_and_comments(value));
  value = value.substr(0, kTypeEnds.find_in(value));
  if (value.size() > 1 && value[0] == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  encoding_ = TransferEncoding::kUnknown;
  if (equals_ignoring_case(value, "base64")) {
    encoding_ = TransferEncoding::kBase64;
  } else if (equals_ignoring_case(value, "quoted-printable")) {
    encoding_ = TransferEncoding::kQuotedPrintable;
  } else {
    for (std::string_view plain : {"", "7bit", "8bit", "binary", "7-bit", "8-bit"}) {
      if (equals_ignoring_case(value, plain)) encoding_ = TransferEncoding::kIdentity;
    }
  }
  name_encodings(words);
}

void ContentFields::file_name(std::string_view parameters, std::string_view key, Name& name) {
  FixedText<Name::kCapacity> octets;
  std::string_view charset;
  name.clear();
  if (!find_parameter(parameters, key, octets, charset)) return;
  char* const out = name.data();
  if (charset.empty()) {
    // Not allowed there, but what most mailers write: encoded words.
    name.resize(
        words_.decode(octets.view(), HeaderDecoder::Words::kDecode, {out, Name::kCapacity}).size());
    return;
  }
  TextDecoder text;
  text.begin(converters_->find(charset));
  std::string_view rest = octets.view();
  size_t made = 0;
  while (!rest.empty() && Name::kCapacity - made >= 2 * TextDecoder::kMinRoom) {
    const TextDecoder::Step step =
        text.convert(rest, out + made, Name::kCapacity - made - TextDecoder::kMinRoom);
    made += step.made;
    rest.remove_prefix(step.taken);
  }
  made += text.finish(out + made);
  name.resize(made);
}

}  // namespace postern::mime
