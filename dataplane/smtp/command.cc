#include "dataplane/smtp/command.h"

#include "dataplane/smtp/characters.h"

namespace postern::smtp {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// The first word of `text`, which is shortened to what follows it.
std::string_view take_word(std::string_view& text) {
  size_t end = 0;
  while (end < text.size() && !is_blank(text[end])) ++end;
  const std::string_view word = text.substr(0, end);
  text = trim(text.substr(end));
  return word;
}

constexpr struct {
  std::string_view name;
  Verb verb;
} kVerbs[] = {
    {"EHLO", Verb::kEhlo},      {"HELO", Verb::kHelo},       {"MAIL", Verb::kMail},
    {"RCPT", Verb::kRcpt},      {"DATA", Verb::kData},       {"BDAT", Verb::kBdat},
    {"RSET", Verb::kRset},      {"QUIT", Verb::kQuit},       {"AUTH", Verb::kAuth},
    {"NOOP", Verb::kNoop},      {"VRFY", Verb::kVrfy},       {"STARTTLS", Verb::kStartTls},
    {"EXPN", Verb::kOther},     {"HELP", Verb::kOther},      {"ETRN", Verb::kOther},
    {"XFORWARD", Verb::kOther}, {"XCLIENT", Verb::kXclient},
};

}  // namespace

bool equals_upper(std::string_view text, std::string_view upper) {
  if (text.size() != upper.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c != upper[i]) return false;
  }
  return true;
}

Command parse_command(std::string_view line) {
  std::string_view rest = trim(line);
  if (rest.empty()) return {};
  const std::string_view word = take_word(rest);
  for (const auto& row : kVerbs) {
    if (!equals_upper(word, row.name)) continue;
    // What a server does not take for BDAT it reads the octets of as commands: only the form of
    // RFC 3030 counts, of any other the reply has to tell.
    const bool exact = line.starts_with(word) && line.substr(word.size()).starts_with(' ') &&
                       line.substr(word.size() + 1).starts_with(rest);
    return {row.verb == Verb::kBdat && !exact ? Verb::kUnknown : row.verb, word, rest};
  }
  return {Verb::kUnknown, word, rest};
}

std::string_view envelope_address(std::string_view argument, std::string_view keyword) {
  if (argument.size() < keyword.size() ||
      !equals_upper(argument.substr(0, keyword.size()), keyword))
    return {};
  std::string_view path = trim(argument.substr(keyword.size()));
  if (path.empty() || path.front() != '<') return take_word(path);
  // A quoted local part may hold the bracket itself (RFC 5321 4.1.2).
  bool quoted = false;
  for (size_t i = 1; i < path.size(); ++i) {
    if (quoted && path[i] == '\\') {
      ++i;
    } else if (path[i] == '"') {
      quoted = !quoted;
    } else if (path[i] == '>' && !quoted) {
      return path.substr(1, i - 1);
    }
  }
  path.remove_prefix(1);
  return take_word(path);
}

std::optional<Chunk> parse_chunk(std::string_view argument) {
  std::string_view rest = argument;
  const std::string_view number = take_word(rest);
  if (number.empty() || number.size() > 10) return std::nullopt;
  uint64_t octets = 0;
  for (const char c : number) {
    if (c < '0' || c > '9') return std::nullopt;
    octets = octets * 10 + static_cast<uint64_t>(c - '0');
  }
  if (octets > 0x7fffffff) return std::nullopt;
  if (!rest.empty() && !equals_upper(rest, "LAST")) return std::nullopt;
  return Chunk{static_cast<uint32_t>(octets), !rest.empty()};
}

}  // namespace postern::smtp
