#include "patterns/language/meta_expression.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>

namespace postern::language {
namespace {

constexpr int kDeepestNesting = 100;

struct BinaryOperator {
  std::string_view text;
  int precedence;  // higher binds tighter
  MetaOperator op;
};
// Longer spellings first. Perl's order: perldoc perlop.
constexpr std::array<BinaryOperator, 13> kBinaryOperators{{
    {"||", 1, MetaOperator::kOr},
    {"&&", 2, MetaOperator::kAnd},
    {"==", 4, MetaOperator::kEqual},
    {"!=", 4, MetaOperator::kNotEqual},
    {"<=", 5, MetaOperator::kLessEqual},
    {">=", 5, MetaOperator::kGreaterEqual},
    {"<", 5, MetaOperator::kLess},
    {">", 5, MetaOperator::kGreater},
    {"^", 3, MetaOperator::kExclusiveOr},
    {"+", 6, MetaOperator::kAdd},
    {"-", 6, MetaOperator::kSubtract},
    {"*", 7, MetaOperator::kMultiply},
    {"/", 7, MetaOperator::kDivide},
}};
constexpr int kEquality = 4;
constexpr int kRelational = 5;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool is_name(char c) { return is_name_start(c) || is_digit(c); }

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::expected<std::vector<MetaToken>, std::string> parse() {
    skip_blanks();
    // "meta NAME ()" declares a rule that others may set: here it never hits.
    if (text_.substr(at_).starts_with('(')) {
      const size_t close = text_.find_first_not_of(" \t", at_ + 1);
      if (close != std::string_view::npos && text_[close] == ')' &&
          text_.find_first_not_of(" \t", close + 1) == std::string_view::npos) {
        push_number(0);
        return std::move(out_);
      }
    }
    ternary(0);
    if (error_.empty() && at_ < text_.size()) expected("an operator or the end");
    if (!error_.empty()) return std::unexpected(std::move(error_));
    return std::move(out_);
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    skip_blanks();
    return true;
  }
  void expected(std::string_view what) {
    if (!error_.empty()) return;
    error_ = at_ < text_.size()
                 ? fmt::format("unexpected '{}' at character {} of the expression; expected {}",
                               text_[at_], at_ + 1, what)
                 : fmt::format("the expression ends too early; expected {}", what);
  }
  void push_number(double number) { out_.push_back({MetaOperator::kNumber, number, {}, false}); }
  void push(MetaOperator op) { out_.push_back({op, 0, {}, false}); }

  void ternary(int depth) {
    if (depth > kDeepestNesting) {
      if (error_.empty()) error_ = fmt::format("more than {} levels of nesting", kDeepestNesting);
      return;
    }
    binary(1, depth);
    if (!error_.empty() || !take('?')) return;
    ternary(depth + 1);
    if (!error_.empty()) return;
    if (!take(':')) return expected("':' of the choice");
    ternary(depth + 1);
    push(MetaOperator::kChoose);
  }

  const BinaryOperator* peek_binary(int at_least) const {
    for (const BinaryOperator& candidate : kBinaryOperators) {
      if (text_.substr(at_).starts_with(candidate.text)) {
        return candidate.precedence >= at_least ? &candidate : nullptr;
      }
    }
    return nullptr;
  }

  // Precedence climbing.
  void binary(int at_least, int depth) {
    unary(depth);
    while (error_.empty()) {
      const BinaryOperator* op = peek_binary(at_least);
      if (op == nullptr) return;
      at_ += op->text.size();
      skip_blanks();
      binary(op->precedence + 1, depth);
      push(op->op);
      if ((op->precedence == kEquality || op->precedence == kRelational) &&
          peek_binary(op->precedence) != nullptr &&
          peek_binary(op->precedence)->precedence == op->precedence) {
        return expected("parentheses: comparisons cannot be chained");
      }
    }
  }

  void unary(int depth) {
    if (depth > kDeepestNesting) {
      if (error_.empty()) error_ = fmt::format("more than {} levels of nesting", kDeepestNesting);
      return;
    }
    if (take('!')) {
      unary(depth + 1);
      push(MetaOperator::kNot);
    } else if (take('-')) {
      unary(depth + 1);
      push(MetaOperator::kNegate);
    } else if (take('+')) {
      unary(depth + 1);
    } else {
      primary(depth);
    }
  }

  void primary(int depth) {
    if (take('(')) {
      ternary(depth + 1);
      if (error_.empty() && !take(')')) expected("')'");
    } else if (at_ < text_.size() && is_digit(text_[at_])) {
      number();
    } else if (at_ < text_.size() && is_name_start(text_[at_])) {
      name();
    } else {
      expected("a rule name, a number or '('");
    }
  }

  void number() {
    double value = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(),
                                              value, std::chars_format::fixed);
    if (error != std::errc()) return expected("a number");
    at_ = static_cast<size_t>(end - text_.data());
    if (at_ < text_.size() && is_name(text_[at_])) return expected("an operator after the number");
    push_number(value);
    skip_blanks();
  }

  void name() {
    const size_t begin = at_;
    while (at_ < text_.size() && is_name(text_[at_])) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    skip_blanks();
    // Postern never asks the network, so this is always true.
    if (word == "local_tests_only") return push_number(1);
    if (word != "rules_matching") {
      out_.push_back({MetaOperator::kRule, 0, std::string(word), false});
      return;
    }
    if (!take('(')) return expected("'(' after rules_matching");
    const size_t glob = at_;
    while (at_ < text_.size() && (is_name(text_[at_]) || text_[at_] == '*' || text_[at_] == '?'))
      ++at_;
    if (at_ == glob) return expected("rule names with * and ?");
    const std::string_view pattern = text_.substr(glob, at_ - glob);
    skip_blanks();
    if (!take(')')) return expected("')'");
    out_.push_back({MetaOperator::kRule, 0, std::string(pattern), true});
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<MetaToken> out_;
  std::string error_;
};

}  // namespace

uint32_t operands(MetaOperator op) {
  switch (op) {
    case MetaOperator::kNumber:
    case MetaOperator::kRule:
      return 0;
    case MetaOperator::kNot:
    case MetaOperator::kNegate:
      return 1;
    case MetaOperator::kChoose:
      return 3;
    default:
      return 2;
  }
}

std::expected<std::vector<MetaToken>, std::string> parse_meta(std::string_view text) {
  return Parser(text).parse();
}

bool glob_matches(std::string_view glob, std::string_view name) {
  size_t g = 0, n = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (g < glob.size() && (glob[g] == '?' || glob[g] == name[n])) {
      ++g, ++n;
    } else if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = n;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

}  // namespace postern::language
