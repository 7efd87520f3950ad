// The expression of a meta rule: "(A || B) && !C", "2 * A + B >= 3", "A ? B : 0".
//
// Theory of operation. Operators, their precedence and the values they return are Perl's, because
// SpamAssassin evaluates the expression as Perl: && and || return an operand, comparisons 1 or 0.
// The expression is parsed once into postfix order, in which it is later compiled and evaluated.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace postern::language {

// The numbers are part of the artefact's format.
enum class MetaOperator : uint8_t {
  kNumber = 0,  // pushes a constant
  kRule = 1,    // pushes a rule's value
  kNot = 2,
  kNegate = 3,
  kMultiply = 4,
  kDivide = 5,  // by zero gives zero
  kAdd = 6,
  kSubtract = 7,
  kLess = 8,
  kLessEqual = 9,
  kGreater = 10,
  kGreaterEqual = 11,
  kEqual = 12,
  kNotEqual = 13,
  kExclusiveOr = 14,  // of whole numbers, bit by bit
  kAnd = 15,
  kOr = 16,
  kChoose = 17,  // condition, then, else
};
inline constexpr uint8_t kMetaOperators = 18;
// Operands an operator takes from the stack.
uint32_t operands(MetaOperator op);

struct MetaToken {
  MetaOperator op = MetaOperator::kNumber;
  double number = 0;     // kNumber
  std::string rule;      // kRule: a name, or a glob of rules_matching()
  bool is_glob = false;  // the sum of all rules whose names match
};

// Postfix. The error says at which character what was expected.
std::expected<std::vector<MetaToken>, std::string> parse_meta(std::string_view text);

// Shell pattern with * and ?, as rules_matching() takes it.
bool glob_matches(std::string_view glob, std::string_view name);

}  // namespace postern::language
