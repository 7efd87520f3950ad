#include "patterns/language/regexp.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "patterns/language/group_folding.h"

namespace postern::language {
namespace {

// Modifiers that choose a character set: bytes have only one.
constexpr std::string_view kCharacterSetModifiers = "adlup";

struct Literal {
  std::string_view body;
  std::string_view modifiers;
};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// Splits m{body}modifiers. SpamAssassin takes the last closing delimiter that only letters follow.
std::expected<Literal, std::string> split_literal(std::string_view text) {
  char close = 0;
  if (text.starts_with('/')) {
    close = '/';
    text.remove_prefix(1);
  } else {
    size_t prefix = 0;
    if (text.starts_with("qr")) {
      prefix = 2;
    } else if (text.starts_with('m')) {
      prefix = 1;
    }
    if (prefix == 0 || text.size() <= prefix || is_word(text[prefix])) {
      return std::unexpected(
          "no delimiters around the regular expression; expected /…/, m{…} or m!…!");
    }
    const char open = text[prefix];
    if (open == '\\') return std::unexpected("a backslash cannot delimit a regular expression");
    constexpr std::string_view kOpen = "{(<[";
    constexpr std::string_view kClose = "})>]";
    const size_t pair = kOpen.find(open);
    close = pair == std::string_view::npos ? open : kClose[pair];
    text.remove_prefix(prefix + 1);
  }
  size_t end = text.size();
  while (end > 0 && text[end - 1] >= 'a' && text[end - 1] <= 'z' && text[end - 1] != 'e') --end;
  if (end == 0 || text[end - 1] != close) {
    return std::unexpected(fmt::format(
        "the regular expression is not closed; expected '{}' and flags at its end", close));
  }
  return Literal{text.substr(0, end - 1), text.substr(end)};
}

// An unescaped delimiter inside: Perl would end the expression there. Brackets may nest.
bool has_bare_delimiter(std::string_view body, char close) {
  if (close == '}' || close == ')' || close == ']') return false;
  for (size_t i = 0; i < body.size(); ++i) {
    if (body[i] == '\\') {
      ++i;
    } else if (body[i] == close) {
      return true;
    }
  }
  return false;
}

std::expected<uint32_t, std::string> parse_modifiers(std::string_view modifiers) {
  uint32_t flags = 0;
  for (char c : modifiers) {
    switch (c) {
      case 'i':
        flags |= kCaseless;
        break;
      case 'm':
        flags |= kMultiline;
        break;
      case 's':
        flags |= kDotAll;
        break;
      case 'x':
        flags |= (flags & kExtended) ? kExtendedMore : kExtended;
        break;
      case 'n':
        flags |= kNoAutoCapture;
        break;
      default:
        if (kCharacterSetModifiers.find(c) == std::string_view::npos) {
          return std::unexpected(fmt::format("unknown flag '{}'; expected i, m, s, x or n", c));
        }
    }
  }
  return flags;
}

// Copies "(?^msix-msix" without character-set modifiers; returns what follows it, or `open` when
// this group sets no options.
size_t copy_options(std::string_view p, size_t open, std::string& out) {
  size_t i = open + 2;
  std::string kept;
  bool any = false;
  for (; i < p.size() &&
         (std::islower(static_cast<unsigned char>(p[i])) || p[i] == '^' || p[i] == '-');
       ++i) {
    any = true;
    if (kCharacterSetModifiers.find(p[i]) == std::string_view::npos) kept += p[i];
  }
  if (!any || i >= p.size() || (p[i] != ':' && p[i] != ')')) return open;
  if (kept.ends_with('-')) kept.pop_back();
  if (p[i] == ':' || !kept.empty()) {
    out += "(?" + kept;
    out += p[i];
  }
  return i + 1;
}

std::string rewrite_for_pcre2(std::string_view p) {
  std::string out;
  out.reserve(p.size());
  for (size_t i = 0; i < p.size();) {
    if (p[i] == '\\' && i + 1 < p.size()) {
      out += p.substr(i, 2);
      i += 2;
    } else if (p[i] == '[') {
      const size_t end = class_end(p, i);
      out += p.substr(i, end - i);
      i = end;
    } else if (p[i] == '(' && i + 1 < p.size() && p[i + 1] == '?') {
      const size_t next = copy_options(p, i, out);
      if (next == i) out += p[i];
      i = std::max(next, i + 1);
    } else if (p[i] == '{' && i > 0 && i + 2 < p.size() && p[i + 1] == ',' &&
               std::isdigit(static_cast<unsigned char>(p[i + 2]))) {
      out += "{0";
      ++i;
    } else {
      out += p[i++];
    }
  }
  return out;
}

}  // namespace

size_t class_end(std::string_view p, size_t open) {
  size_t i = open + 1;
  if (i < p.size() && p[i] == '^') ++i;
  if (i < p.size() && p[i] == ']') ++i;
  for (; i < p.size(); ++i) {
    if (p[i] == '\\') {
      ++i;
    } else if (p[i] == '[' && i + 1 < p.size() && p[i + 1] == ':') {
      const size_t posix_end = p.find(":]", i + 2);
      if (posix_end != std::string_view::npos) i = posix_end + 1;
    } else if (p[i] == ']') {
      return i + 1;
    }
  }
  return p.size();
}

uint32_t pcre2_options(uint32_t flags) {
  uint32_t options = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C;
  if (flags & kCaseless) options |= PCRE2_CASELESS;
  if (flags & kMultiline) options |= PCRE2_MULTILINE;
  if (flags & kDotAll) options |= PCRE2_DOTALL;
  if (flags & kExtended) options |= PCRE2_EXTENDED;
  if (flags & kExtendedMore) options |= PCRE2_EXTENDED_MORE;
  if (flags & kNoAutoCapture) options |= PCRE2_NO_AUTO_CAPTURE;
  return options;
}

std::expected<Pcre2Code, RegexpError> compile_pcre2(const Regexp& regexp, uint32_t extra) {
  int code = 0;
  size_t offset = 0;
  std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
      pcre2_compile_context_create(nullptr), &pcre2_compile_context_free);
  // Perl's line end is "\n" alone, whatever the library was built with.
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  const auto compile = [&](std::string_view pattern) {
    return pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                         pcre2_options(regexp.flags) | extra, &code, &offset, context.get());
  };
  pcre2_code* compiled = compile(regexp.pattern);
  const bool has_comments = (regexp.flags & (kExtended | kExtendedMore)) != 0;
  if (compiled == nullptr && code == PCRE2_ERROR_PATTERN_TOO_LARGE && !has_comments) {
    if (const std::string folded = fold_groups(regexp.pattern); !folded.empty())
      compiled = compile(folded);
  }
  if (compiled != nullptr) return Pcre2Code(compiled);
  char text[256] = "";
  pcre2_get_error_message(code, reinterpret_cast<PCRE2_UCHAR*>(text), sizeof text);
  // Perl has characters above 0xFF in an expression, bytes cannot; and PCRE2's compiled form holds
  // 64 KiB.
  const bool portable = code != PCRE2_ERROR_CODE_POINT_TOO_BIG &&
                        code != PCRE2_ERROR_OCTAL_BYTE_TOO_BIG &&
                        code != PCRE2_ERROR_PATTERN_TOO_LARGE;
  std::string what = fmt::format("{} at character {} of the regular expression", text, offset);
  if (!portable) {
    what += code == PCRE2_ERROR_PATTERN_TOO_LARGE
                ? "; make several rules of it"
                : "; bytes are matched: write the character's UTF-8 bytes";
  }
  return std::unexpected(RegexpError{std::move(what), portable});
}

std::expected<Regexp, RegexpError> parse_regexp(std::string_view literal) {
  auto split = split_literal(literal);
  if (!split) return std::unexpected(RegexpError{std::move(split.error())});
  const char close = split->body.data()[split->body.size()];
  if (has_bare_delimiter(split->body, close)) {
    return std::unexpected(RegexpError{fmt::format(
        "delimiter '{0}' inside the regular expression; expected it escaped as \\{0}, or "
        "other delimiters such as m{{…}}",
        close)});
  }
  auto flags = parse_modifiers(split->modifiers);
  if (!flags) return std::unexpected(RegexpError{std::move(flags.error())});
  return check_regexp({std::string(split->body), *flags});
}

std::expected<Regexp, RegexpError> check_regexp(Regexp regexp) {
  regexp.pattern = rewrite_for_pcre2(regexp.pattern);
  auto code = compile_pcre2(regexp);
  if (!code) return std::unexpected(std::move(code.error()));
  return regexp;
}

bool matches(const Regexp& regexp, std::string_view subject) {
  const auto code = compile_pcre2(regexp);
  if (!code) return false;
  std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create(1, nullptr), &pcre2_match_data_free);
  return pcre2_match(code->get(), reinterpret_cast<PCRE2_SPTR>(subject.data()), subject.size(), 0,
                     0, match.get(), nullptr) >= 0;
}

}  // namespace postern::language
