// Regular expressions as SpamAssassin rules write them.
//
// Theory of operation. A rule file holds a Perl literal: /…/flags, m{…}flags, m!…!flags or
// qr(…)flags. Perl's own syntax is close to PCRE2's but not equal: character-set modifiers ((?aa),
// (?u)) mean nothing to a matcher of bytes and are dropped, and {,n} is spelt {0,n}. The result of
// parse_regexp() is a pattern that PCRE2 compiles with the options of pcre2_options(); nothing else
// in Postern reads Perl literals. Subjects are bytes: no UTF mode, ASCII classes.
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace postern::language {

enum RegexpFlag : uint32_t {
  kCaseless = 1 << 0,       // i
  kMultiline = 1 << 1,      // m
  kDotAll = 1 << 2,         // s
  kExtended = 1 << 3,       // x
  kExtendedMore = 1 << 4,   // xx
  kNoAutoCapture = 1 << 5,  // n
};
inline constexpr uint32_t kAllRegexpFlags = (1 << 6) - 1;

struct Regexp {
  std::string pattern;
  uint32_t flags = 0;  // of RegexpFlag
  bool operator==(const Regexp&) const = default;
};

// Why a literal was refused. `portable` is false when Perl would accept it and only the matcher
// here cannot hold it (a character above 0xFF, an expression too large): the rule is then listed as
// not run, not as an error.
struct RegexpError {
  std::string what;
  bool portable = true;
};

// Reads a literal with its delimiters and flags, and checks that it compiles.
std::expected<Regexp, RegexpError> parse_regexp(std::string_view literal);

// Behind the class that begins at p[open], a "[".
size_t class_end(std::string_view p, size_t open);

// An expression that was put together anew, made PCRE2's and checked as a literal's is.
std::expected<Regexp, RegexpError> check_regexp(Regexp regexp);

struct Pcre2CodeFree {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
using Pcre2Code = std::unique_ptr<pcre2_code, Pcre2CodeFree>;

uint32_t pcre2_options(uint32_t regexp_flags);
// Compiles for bytes, with `extra` PCRE2 options. Not JIT-compiled.
std::expected<Pcre2Code, RegexpError> compile_pcre2(const Regexp& regexp, uint32_t extra = 0);
// Whether the expression matches `subject`, without limits on work beyond PCRE2's own: for
// compilers.
bool matches(const Regexp& regexp, std::string_view subject);

}  // namespace postern::language
