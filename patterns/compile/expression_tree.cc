#include "patterns/compile/expression_tree.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace postern::compile {
namespace {

using Bytes = std::bitset<256>;
using Kind = ExpressionTree::Kind;

constexpr int kDeepest = 200;
constexpr uint32_t kLargestBound = 65535;  // PCRE2's

uint8_t octet(char c) { return static_cast<uint8_t>(c); }
bool is_digit(char c) { return std::isdigit(octet(c)) != 0; }

Bytes range(uint32_t from, uint32_t to) {
  Bytes out;
  for (uint32_t c = from; c <= to; ++c) out[c] = true;
  return out;
}

template <typename... Codes>
Bytes of(Codes... codes) {
  Bytes out;
  ((out[static_cast<uint8_t>(codes)] = true), ...);
  return out;
}

const Bytes kSpace = of(' ', '\t', '\n', '\r', '\f', '\v');
const Bytes kWord = range('0', '9') | range('a', 'z') | range('A', 'Z') | of('_');
const Bytes kHorizontal = of(' ', '\t', 0xA0);
const Bytes kVertical = of('\n', '\v', '\f', '\r', 0x85);

// \d, \S and their like.
std::optional<Bytes> class_escape(char c) {
  switch (c) {
    case 'd':
      return range('0', '9');
    case 'D':
      return ~range('0', '9');
    case 's':
      return kSpace;
    case 'S':
      return ~kSpace;
    case 'w':
      return kWord;
    case 'W':
      return ~kWord;
    case 'h':
      return kHorizontal;
    case 'H':
      return ~kHorizontal;
    case 'v':
      return kVertical;
    case 'V':
      return ~kVertical;
    default:
      return {};
  }
}

std::optional<Bytes> posix_class(std::string_view name) {
  if (name.starts_with('^')) {
    const auto positive = posix_class(name.substr(1));
    if (!positive) return {};
    return ~*positive;
  }
  int (*is_member)(int) = nullptr;
  if (name == "alpha") is_member = std::isalpha;
  if (name == "digit") is_member = std::isdigit;
  if (name == "alnum") is_member = std::isalnum;
  if (name == "upper") is_member = std::isupper;
  if (name == "lower") is_member = std::islower;
  if (name == "space") is_member = std::isspace;
  if (name == "xdigit") is_member = std::isxdigit;
  if (name == "punct") is_member = std::ispunct;
  if (name == "blank") is_member = std::isblank;
  if (name == "cntrl") is_member = std::iscntrl;
  if (name == "print") is_member = std::isprint;
  if (name == "graph") is_member = std::isgraph;
  if (name == "word") return kWord;
  if (name == "ascii") return range(0, 127);
  if (is_member == nullptr) return {};
  Bytes out;
  for (int c = 0; c < 128; ++c) out[static_cast<size_t>(c)] = is_member(c) != 0;
  return out;
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class TreeReader {
 public:
  explicit TreeReader(const language::Regexp& regexp) : p_(regexp.pattern), flags_(regexp.flags) {
    if (has(language::kExtendedMore)) flags_ |= language::kExtended;  // as PCRE2_EXTENDED_MORE
  }

  std::optional<ExpressionTree> read() {
    ExpressionTree tree = choice(0);
    if (!known_ || more()) return {};
    return tree;
  }

 private:
  // An escape outside of a class, or a member of one.
  struct Escape {
    enum class Kind : uint8_t { kByte, kClass, kAssertion, kAnything } kind = Kind::kAnything;
    Bytes bytes;
    int code = -1;  // kByte
  };

  bool more() const { return i_ < p_.size(); }
  bool at(char c) const { return more() && p_[i_] == c; }
  bool has(uint32_t flag) const { return (flags_ & flag) != 0; }

  ExpressionTree unknown() {
    known_ = false;
    i_ = p_.size();
    return {};
  }
  static ExpressionTree anything() {
    ExpressionTree out;
    out.kind = Kind::kAnything;
    return out;
  }
  static ExpressionTree of_class(const Bytes& bytes) {
    ExpressionTree out;
    out.kind = Kind::kClass;
    out.bytes = bytes;
    return out;
  }
  static Escape of_byte(uint32_t code) {
    Escape out{Escape::Kind::kByte, {}, static_cast<int>(code & 0xFF)};
    out.bytes[code & 0xFF] = true;
    return out;
  }

  Bytes both_cases(Bytes bytes) const {
    if (!has(language::kCaseless)) return bytes;
    for (size_t c = 'a'; c <= 'z'; ++c) {
      if (bytes[c] || bytes[c - 32]) bytes[c] = bytes[c - 32] = true;
    }
    return bytes;
  }

  ExpressionTree choice(int depth) {
    if (depth > kDeepest) return unknown();
    std::vector<ExpressionTree> ways;
    ways.push_back(sequence(depth));
    while (at('|')) {
      ++i_;
      ways.push_back(sequence(depth));
    }
    if (ways.size() == 1) return std::move(ways[0]);
    ExpressionTree out;
    out.kind = Kind::kChoice;
    out.parts = std::move(ways);
    return out;
  }

  ExpressionTree sequence(int depth) {
    ExpressionTree out;
    out.kind = Kind::kSequence;
    for (;;) {
      skip_layout();
      if (!more() || at('|') || at(')')) return out;
      ExpressionTree part = atom(depth);
      if (!known_) return {};
      repeats(part);
      if (part.kind != Kind::kEmpty) out.parts.push_back(std::move(part));
    }
  }

  // White space and comments of (?x).
  void skip_layout() {
    while (has(language::kExtended) && more()) {
      if (std::isspace(octet(p_[i_]))) {
        ++i_;
      } else if (at('#')) {
        while (more() && !at('\n')) ++i_;
      } else {
        return;
      }
    }
  }

  ExpressionTree atom(int depth) {
    const char c = p_[i_];
    switch (c) {
      case '(':
        return group(depth);
      case '[':
        return bracket();
      case '^':
      case '$':
        ++i_;
        return {};
      case '.':
        ++i_;
        return of_class(has(language::kDotAll) ? Bytes().set() : ~of('\n'));
      case '*':
      case '+':
      case '?':
        return unknown();
      case '\\': {
        const Escape read = escape(false);
        if (!known_ || read.kind == Escape::Kind::kAssertion) return {};
        if (read.kind == Escape::Kind::kAnything) return anything();
        return of_class(read.kind == Escape::Kind::kByte ? both_cases(read.bytes) : read.bytes);
      }
      default:
        ++i_;
        return of_class(both_cases(of(c)));
    }
  }

  void repeats(ExpressionTree& part) {
    for (;;) {
      skip_layout();
      uint32_t least = 0, most = 0;
      if (!bounds(least, most)) return;
      if (at('?') || at('+')) ++i_;  // lazy, possessive
      if (part.kind == Kind::kEmpty) continue;
      ExpressionTree repeat;
      repeat.kind = Kind::kRepeat;
      repeat.least = least;
      repeat.most = most;
      repeat.parts.push_back(std::move(part));
      part = std::move(repeat);
    }
  }

  // True when a quantifier stood here.
  bool bounds(uint32_t& least, uint32_t& most) {
    if (!more()) return false;
    switch (p_[i_]) {
      case '*':
        least = 0;
        most = ExpressionTree::kNoBound;
        break;
      case '+':
        least = 1;
        most = ExpressionTree::kNoBound;
        break;
      case '?':
        least = 0;
        most = 1;
        break;
      case '{':
        return braces(least, most);
      default:
        return false;
    }
    ++i_;
    return true;
  }

  // "{2}", "{2,}", "{2,5}"; anything else in braces is text.
  bool braces(uint32_t& least, uint32_t& most) {
    size_t j = i_ + 1;
    const auto number = [&](uint32_t& value) {
      const size_t begin = j;
      for (value = 0; j < p_.size() && is_digit(p_[j]); ++j) {
        value = std::min(value * 10 + static_cast<uint32_t>(p_[j] - '0'), kLargestBound);
      }
      return j > begin;
    };
    if (!number(least)) return false;
    most = least;
    if (j < p_.size() && p_[j] == ',') {
      ++j;
      if (!number(most)) most = ExpressionTree::kNoBound;
    }
    if (j >= p_.size() || p_[j] != '}') return false;
    i_ = j + 1;
    return true;
  }

  // At '('.
  ExpressionTree group(int depth) {
    ++i_;
    const uint32_t outer = flags_;
    if (at('*')) return unknown();
    if (!at('?')) return closed(choice(depth + 1), outer);
    ++i_;
    const std::string_view rest = p_.substr(i_);
    if (rest.starts_with('#')) {
      const size_t end = p_.find(')', i_);
      if (end == p_.npos) return unknown();
      i_ = end + 1;
      return {};
    }
    for (std::string_view assertion : {"=", "!", "<=", "<!"}) {
      if (!rest.starts_with(assertion)) continue;
      i_ += assertion.size();
      closed(choice(depth + 1), outer);
      return {};
    }
    for (std::string_view plain : {":", ">", "|"}) {
      if (!rest.starts_with(plain)) continue;
      ++i_;
      return closed(choice(depth + 1), outer);
    }
    for (std::string_view name : {"<", "'", "P<"}) {
      if (!rest.starts_with(name)) continue;
      const size_t end = p_.find(name == "'" ? '\'' : '>', i_ + name.size());
      if (end == p_.npos) return unknown();
      i_ = end + 1;
      return closed(choice(depth + 1), outer);
    }
    return options(depth, outer);
  }

  ExpressionTree closed(ExpressionTree inside, uint32_t outer) {
    if (!at(')')) return unknown();
    ++i_;
    flags_ = outer;
    return inside;
  }

  // "(?i)" and "(?^s-x:": what changes how the rest of the group is read.
  ExpressionTree options(int depth, uint32_t outer) {
    bool off = false;
    for (; more() && !at(')') && !at(':'); ++i_) {
      uint32_t flag = 0;
      switch (p_[i_]) {
        case '^':
          flags_ &= ~uint32_t{language::kCaseless | language::kMultiline | language::kDotAll |
                              language::kExtended | language::kExtendedMore};
          continue;
        case '-':
          off = true;
          continue;
        case 'i':
          flag = language::kCaseless;
          break;
        case 's':
          flag = language::kDotAll;
          break;
        case 'x':
          flag = language::kExtended;
          if (has(language::kExtended) || off) flag |= language::kExtendedMore;
          break;
        case 'm':
        case 'n':
        case 'J':
          continue;
        default:
          return unknown();
      }
      flags_ = off ? flags_ & ~flag : flags_ | flag;
    }
    if (!more()) return unknown();
    if (p_[i_++] == ')') return {};
    return closed(choice(depth + 1), outer);
  }

  // At '['.
  ExpressionTree bracket() {
    ++i_;
    const bool negative = at('^');
    if (negative) ++i_;
    Bytes inside;
    for (bool first = true; more() && (!at(']') || first); first = false) {
      if (has(language::kExtendedMore) && (at(' ') || at('\t'))) {
        ++i_;
        continue;
      }
      if (auto named = named_class()) {
        inside |= *named;
        continue;
      }
      Bytes member;
      const int from = class_member(member);
      if (!known_) return {};
      if (from >= 0 && is_range()) {
        ++i_;
        Bytes last;
        const int to = class_member(last);
        if (!known_ || to < from) return unknown();
        member = range(static_cast<uint32_t>(from), static_cast<uint32_t>(to));
      }
      inside |= member;
    }
    if (!more()) return unknown();
    ++i_;
    inside = both_cases(inside);
    return of_class(negative ? ~inside : inside);
  }

  // A '-' between two members.
  bool is_range() const {
    return at('-') && i_ + 1 < p_.size() && p_[i_ + 1] != ']' &&
           !p_.substr(i_ + 1).starts_with("[:");
  }

  std::optional<Bytes> named_class() {
    if (!p_.substr(i_).starts_with("[:")) return {};
    const size_t end = p_.find(":]", i_ + 2);
    if (end == p_.npos) return {};
    const auto bytes = posix_class(p_.substr(i_ + 2, end - i_ - 2));
    if (bytes) i_ = end + 2;
    return bytes;
  }

  // The code of a single byte, -1 of a class.
  int class_member(Bytes& bytes) {
    if (!at('\\')) {
      bytes = of(p_[i_]);
      return octet(p_[i_++]);
    }
    const Escape read = escape(true);
    if (read.kind != Escape::Kind::kByte && read.kind != Escape::Kind::kClass) unknown();
    bytes = read.bytes;
    return read.code;
  }

  // At a backslash.
  Escape escape(bool in_class) {
    ++i_;
    if (!more()) return unknown_escape();
    const char c = p_[i_++];
    if (const auto bytes = class_escape(c)) return {Escape::Kind::kClass, *bytes, -1};
    switch (c) {
      case 'n':
        return of_byte('\n');
      case 't':
        return of_byte('\t');
      case 'r':
        return of_byte('\r');
      case 'f':
        return of_byte('\f');
      case 'a':
        return of_byte('\a');
      case 'e':
        return of_byte(27);
      case 'x':
        return hexadecimal();
      case 'c':
        if (!more()) return unknown_escape();
        return of_byte(static_cast<uint32_t>(std::toupper(octet(p_[i_++])) ^ 64));
      case 'b':
        if (in_class) return of_byte('\b');
        return {Escape::Kind::kAssertion, {}, -1};
      case 'B':
      case 'A':
      case 'z':
      case 'Z':
      case 'G':
      case 'K':
        if (in_class) return unknown_escape();
        return {Escape::Kind::kAssertion, {}, -1};
      case 'N':
        if (in_class || at('{')) return unknown_escape();
        return {Escape::Kind::kClass, ~of('\n'), -1};
      case 'R':
        return in_class ? unknown_escape() : Escape{};
      case 'k':
      case 'g':
        return in_class ? unknown_escape() : reference();
      default:
        break;
    }
    if (is_digit(c)) return digits(c, in_class);
    if (std::isalpha(octet(c))) return unknown_escape();
    return of_byte(octet(c));
  }

  Escape unknown_escape() {
    unknown();
    return {};
  }

  Escape hexadecimal() {
    uint32_t code = 0;
    if (at('{')) {
      const size_t end = p_.find('}', i_);
      if (end == p_.npos) return unknown_escape();
      for (size_t j = i_ + 1; j < end; ++j) {
        const int digit = hex_value(p_[j]);
        if (digit < 0 || code > 0xF) return unknown_escape();
        code = code * 16 + static_cast<uint32_t>(digit);
      }
      i_ = end + 1;
      return of_byte(code);
    }
    for (int n = 0; n < 2 && more() && hex_value(p_[i_]) >= 0; ++n) {
      code = code * 16 + static_cast<uint32_t>(hex_value(p_[i_++]));
    }
    return of_byte(code);
  }

  // Octal, or a back-reference.
  Escape digits(char first, bool in_class) {
    if (first != '0' && !in_class) {
      if (more() && is_digit(p_[i_])) return unknown_escape();  // either, by the number of groups
      return {};
    }
    if (first > '7') return unknown_escape();
    auto code = static_cast<uint32_t>(first - '0');
    for (int n = 0; n < 2 && more() && p_[i_] >= '0' && p_[i_] <= '7'; ++n) {
      code = code * 8 + static_cast<uint32_t>(p_[i_++] - '0');
    }
    return of_byte(code);
  }

  // \k<name>, \g{1}, \g1: any text; \g<1> calls a group, which is any text too.
  Escape reference() {
    if (at('{') || at('<') || at('\'')) {
      const char close = at('{') ? '}' : at('<') ? '>' : '\'';
      const size_t end = p_.find(close, i_ + 1);
      if (end == p_.npos) return unknown_escape();
      i_ = end + 1;
      return {};
    }
    if (at('-') || at('+')) ++i_;
    while (more() && is_digit(p_[i_])) ++i_;
    return {};
  }

  std::string_view p_;
  uint32_t flags_;
  size_t i_ = 0;
  bool known_ = true;
};

}  // namespace

std::optional<ExpressionTree> expression_tree(const language::Regexp& regexp) {
  return TreeReader(regexp).read();
}

}  // namespace postern::compile
