#include "patterns/compile/hyperscan_form.h"

#include <hs/hs.h>

#include <algorithm>
#include <cctype>

namespace postern::compile {
namespace {

// Which of the joint's two bytes something can match.
struct Reach {
  bool newline = false;
  bool nul = false;
  Reach operator|(Reach other) const { return {newline || other.newline, nul || other.nul}; }
};
constexpr Reach kBoth{true, true};

Reach of_code(uint32_t code) { return {code == '\n', code == 0}; }

bool is_octal(char c) { return c >= '0' && c <= '7'; }
int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

struct Escape {
  size_t length;  // with the backslash
  Reach reach;
  int code = -1;  // the single character it stands for, if one
  bool is_known = true;
};

Escape numeric(size_t length, uint32_t code) {
  return {length, of_code(code), static_cast<int>(code & 0xFF), true};
}

Escape braced(std::string_view p, int base) {
  const size_t close = p.find('}');
  if (close == std::string_view::npos) return {2, kBoth, -1, false};
  uint32_t code = 0;
  for (char c : p.substr(3, close - 3)) {
    const int digit = hex_digit(c);
    if (digit < 0 || digit >= base) return {close + 1, kBoth, -1, false};
    code = std::min<uint32_t>(code * static_cast<uint32_t>(base) + static_cast<uint32_t>(digit),
                              0xFFFF);
  }
  return numeric(close + 1, code);
}

// `p` begins with a backslash.
Escape read_escape(std::string_view p, bool in_class) {
  if (p.size() < 2) return {p.size(), {}, -1, true};
  const char c = p[1];
  switch (c) {
    case 'n':
      return numeric(2, '\n');
    case 't':
      return numeric(2, '\t');
    case 'r':
      return numeric(2, '\r');
    case 'f':
      return numeric(2, '\f');
    case 'a':
      return numeric(2, '\a');
    case 'e':
      return numeric(2, 27);
    case 's':
    case 'v':
      return {2, {true, false}, -1, true};
    case 'R':
      return {2, {true, false}, -1, !in_class};
    case 'w':
    case 'd':
    case 'h':
      return {2, {}, -1, true};
    case 'W':
    case 'D':
    case 'H':
      return {2, kBoth, -1, true};
    case 'S':
    case 'V':
    case 'N':
      return {2, {false, true}, -1, true};
    case 'b':
    case 'B':
    case 'A':
    case 'z':
    case 'Z':
      return {2, {}, -1, true};
    case 'c':
      return p.size() > 2 ? numeric(3, static_cast<uint32_t>(std::toupper(p[2]) ^ 64))
                          : Escape{2, kBoth, -1, false};
    case 'x': {
      if (p.size() > 2 && p[2] == '{') return braced(p, 16);
      uint32_t code = 0;
      size_t i = 2;
      for (; i < p.size() && i < 4 && hex_digit(p[i]) >= 0; ++i) {
        code = code * 16 + static_cast<uint32_t>(hex_digit(p[i]));
      }
      return numeric(i, code);
    }
    case 'o':
      return p.size() > 2 && p[2] == '{' ? braced(p, 8) : Escape{2, kBoth, -1, false};
    default:
      break;
  }
  if (std::isdigit(static_cast<unsigned char>(c))) {
    if (!in_class && c != '0')
      return {2, {}, -1, true};  // a back-reference repeats what was matched
    uint32_t code = 0;
    size_t i = 1;
    for (; i < p.size() && i < 4 && is_octal(p[i]); ++i)
      code = code * 8 + static_cast<uint32_t>(p[i] - '0');
    return numeric(std::max<size_t>(i, 2), code);
  }
  if (std::isalpha(static_cast<unsigned char>(c))) return {2, kBoth, -1, false};
  return numeric(2, static_cast<unsigned char>(c));
}

struct Class {
  size_t length;
  Reach reach;
};

// `p` begins with '['.
Class read_class(std::string_view p) {
  size_t i = 1;
  const bool negative = i < p.size() && p[i] == '^';
  if (negative) ++i;
  Reach inside;
  bool all_known = true;
  int range_from = -1;  // the last single character, if a '-' after it would begin a range
  bool first = true;
  while (i < p.size() && (p[i] != ']' || first)) {
    first = false;
    int code = -1;
    if (p[i] == '[' && i + 1 < p.size() && p[i + 1] == ':') {
      const size_t end = p.find(":]", i + 2);
      if (end != std::string_view::npos) {
        const std::string_view name = p.substr(i + 2, end - i - 2);
        if (name == "space") {
          inside.newline = true;
        } else if (name == "cntrl" || name.starts_with('^')) {
          all_known = false;
        }
        i = end + 2;
        range_from = -1;
        continue;
      }
    }
    if (p[i] == '-' && range_from >= 0 && i + 1 < p.size() && p[i + 1] != ']') {
      ++i;
      int to = static_cast<unsigned char>(p[i]);
      size_t length = 1;
      if (p[i] == '\\') {
        const Escape escape = read_escape(p.substr(i), true);
        to = escape.code;
        length = escape.length;
        if (to < 0) all_known = false;
      }
      if (range_from <= '\n' && to >= '\n') inside.newline = true;
      if (range_from <= 0 && to >= 0) inside.nul = true;
      i += length;
      range_from = -1;
      continue;
    }
    if (p[i] == '\\') {
      const Escape escape = read_escape(p.substr(i), true);
      inside = inside | escape.reach;
      if (!escape.is_known) all_known = false;
      code = escape.code;
      i += escape.length;
    } else {
      code = static_cast<unsigned char>(p[i]);
      inside = inside | of_code(static_cast<uint32_t>(code));
      ++i;
    }
    range_from = code;
  }
  const size_t length = std::min(i + 1, p.size());
  if (!all_known) return {length, kBoth};
  if (negative) inside = {!inside.newline, !inside.nul};
  return {length, inside};
}

class Translator {
 public:
  Translator(const language::Regexp& regexp, bool joined) : p_(regexp.pattern), joined_(joined) {
    if (regexp.flags & language::kCaseless) form_.flags |= HS_FLAG_CASELESS;
    if (regexp.flags & language::kDotAll) form_.flags |= HS_FLAG_DOTALL;
    if (joined || (regexp.flags & language::kMultiline)) form_.flags |= HS_FLAG_MULTILINE;
    dot_all_ = regexp.flags & language::kDotAll;
    if (regexp.flags & language::kExtended) form_.pattern = "(?x)";
  }

  HyperscanForm translate() {
    while (i_ < p_.size()) step();
    form_.needs_confirmation = joined_ && (has_anchor_ || (reach_.newline && reach_.nul));
    return std::move(form_);
  }

 private:
  void copy(size_t length) {
    form_.pattern += p_.substr(i_, length);
    i_ += length;
  }

  void step() {
    const std::string_view rest = p_.substr(i_);
    switch (rest[0]) {
      case '\\':
        return escape(rest);
      case '[': {
        const Class read = read_class(rest);
        reach_ = reach_ | read.reach;
        return copy(read.length);
      }
      case '.':
        reach_ = reach_ | Reach{dot_all_, true};
        return copy(1);
      case '^':
      case '$':
        has_anchor_ = true;
        return copy(1);
      case '{':
        return repeat(rest);
      case '(':
        return group(rest);
      case '\n':
        reach_.newline = true;
        return copy(1);
      case '\0':
        reach_.nul = true;
        return copy(1);
      default:
        return copy(1);
    }
  }

  void escape(std::string_view rest) {
    const Escape read = read_escape(rest, false);
    reach_ = reach_ | read.reach;
    const char c = rest.size() > 1 ? rest[1] : 0;
    const bool at_start = c == 'A';
    const bool at_end = c == 'z' || c == 'Z';
    if (at_start || at_end || c == 'G') has_anchor_ = true;
    if (joined_ && (at_start || at_end)) {
      form_.pattern += at_start ? '^' : '$';
      i_ += 2;
      return;
    }
    copy(read.length);
  }

  void repeat(std::string_view rest) {
    const size_t close = rest.find('}');
    uint32_t last = 0;
    uint32_t digits = 0;
    for (size_t i = 1; close != std::string_view::npos && i < close; ++i) {
      if (rest[i] == ',') {
        last = i + 1 < close ? 0 : last;
      } else if (std::isdigit(static_cast<unsigned char>(rest[i]))) {
        last = std::min<uint32_t>(last * 10 + static_cast<uint32_t>(rest[i] - '0'), 100'000);
        ++digits;
      } else {
        return copy(1);
      }
    }
    if (digits > 0) form_.repetitions += last;
    copy(1);
  }

  // "(?^i:", "(?s)", "(?-m:": rewritten to the option letters that Hyperscan has.
  void group(std::string_view rest) {
    if (rest.size() < 3 || rest[1] != '?') return copy(1);
    if (rest[2] == '#') return copy(std::min(rest.find(')'), rest.size() - 1) + 1);
    size_t end = 2;
    while (end < rest.size() && (std::islower(static_cast<unsigned char>(rest[end])) ||
                                 rest[end] == '^' || rest[end] == '-')) {
      ++end;
    }
    if (end == 2 || end >= rest.size() || (rest[end] != ':' && rest[end] != ')')) return copy(1);
    const std::string_view letters = rest.substr(2, end - 2);
    std::string on, off;
    bool negative = false;
    for (char c : letters) {
      if (c == '-') {
        negative = true;
      } else if (c == '^') {
        off = "isx";
        if (!joined_) off += 'm';
      } else if (c == 'm' && joined_) {
        // Anchors are multi-line already.
      } else if (c == 'i' || c == 's' || c == 'x' || c == 'm') {
        (negative ? off : on) += c;
        if (!negative) std::erase(off, c);
        if (c == 's' && !negative) dot_all_ = true;
      }
    }
    i_ += end + 1;
    if (rest[end] == ')' && on.empty() && off.empty()) return;
    form_.pattern += "(?" + on + (off.empty() ? "" : "-" + off) + rest[end];
  }

  std::string_view p_;
  bool joined_;
  bool dot_all_ = false;
  size_t i_ = 0;
  HyperscanForm form_;
  Reach reach_;
  bool has_anchor_ = false;
};

}  // namespace

HyperscanForm hyperscan_form(const language::Regexp& regexp, bool joined) {
  return Translator(regexp, joined).translate();
}

}  // namespace postern::compile
