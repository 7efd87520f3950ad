#include "dataplane/scan/meta_bounds.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace postern::scan {
namespace {

using artefact::kNone;
using language::MetaOperator;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

using Operand = MetaBounds;

Operand known(double value) { return {Bounds::of(value), kNone, value != 0}; }

int64_t whole_number(double value) {
  constexpr double kMost = 9.0e18;  // fits an int64_t
  return static_cast<int64_t>(std::clamp(value, -kMost, kMost));
}

// Of two numbers; what looks at one, or not at both, is not among them.
double result_of(MetaOperator op, double a, double b) {
  switch (op) {
    case MetaOperator::kMultiply:
      return a * b;
    case MetaOperator::kDivide:
      return b == 0 ? 0 : a / b;
    case MetaOperator::kAdd:
      return a + b;
    case MetaOperator::kSubtract:
      return a - b;
    case MetaOperator::kLess:
      return a < b;
    case MetaOperator::kLessEqual:
      return a <= b;
    case MetaOperator::kGreater:
      return a > b;
    case MetaOperator::kGreaterEqual:
      return a >= b;
    case MetaOperator::kEqual:
      return a == b;
    case MetaOperator::kNotEqual:
      return a != b;
    case MetaOperator::kExclusiveOr:
      return static_cast<double>(whole_number(a) ^ whole_number(b));
    default:
      return 0;
  }
}

// What a bound is not known of, when infinities meet, may be anything.
Bounds spread(double least, double most) {
  return Bounds::between(std::isnan(least) ? -kInfinity : least,
                         std::isnan(most) ? kInfinity : most);
}
Bounds anything() { return spread(-kInfinity, kInfinity); }

Bounds truth(bool surely, bool possibly) {
  if (surely) return Bounds::of(1);
  return possibly ? Bounds::between(0, 1) : Bounds::of(0);
}

Bounds product(const Bounds& a, const Bounds& b) {
  const std::array ends{a.least * b.least, a.least * b.most, a.most * b.least, a.most * b.most};
  if (std::ranges::any_of(ends, [](double end) { return std::isnan(end); })) return anything();
  return spread(std::ranges::min(ends), std::ranges::max(ends));
}

Bounds quotient(const Bounds& a, double divisor) {
  const auto [least, most] = std::minmax({a.least / divisor, a.most / divisor});
  return std::isfinite(divisor) ? spread(least, most) : anything();
}

// One at least is not known.
Bounds between(MetaOperator op, const Bounds& a, const Bounds& b) {
  switch (op) {
    case MetaOperator::kMultiply:
      return a.is_zero() || b.is_zero() ? Bounds::of(0) : product(a, b);
    case MetaOperator::kDivide:
      if (a.is_zero() || b.is_zero()) return Bounds::of(0);
      return b.open ? anything() : quotient(a, b.least);
    case MetaOperator::kAdd:
      return spread(a.least + b.least, a.most + b.most);
    case MetaOperator::kSubtract:
      return spread(a.least - b.most, a.most - b.least);
    case MetaOperator::kLess:
      return truth(a.most < b.least, a.least < b.most);
    case MetaOperator::kLessEqual:
      return truth(a.most <= b.least, a.least <= b.most);
    case MetaOperator::kGreater:
      return truth(a.least > b.most, a.most > b.least);
    case MetaOperator::kGreaterEqual:
      return truth(a.least >= b.most, a.most >= b.least);
    case MetaOperator::kEqual:
      return truth(false, a.least <= b.most && b.least <= a.most);
    case MetaOperator::kNotEqual:
      return truth(a.most < b.least || b.most < a.least, true);
    default:
      return anything();
  }
}

// Either of two values.
Bounds either(const Bounds& a, const Bounds& b) {
  Bounds out = Bounds::between(std::min(a.least, b.least), std::max(a.most, b.most));
  out.nonzero |= a.nonzero && b.nonzero;
  return out;
}

class Evaluator {
 public:
  Evaluator(std::span<const Bounds> rules, std::span<const float> prices)
      : rules_(rules), prices_(prices) {}

  Operand run(const artefact::Meta& meta) {
    size_t height = 0;
    for (const artefact::MetaInstruction& instruction : meta.code) {
      height -= language::operands(instruction.op);
      stack_[height] = apply(instruction, &stack_[height]);
      ++height;
    }
    return stack_[0];
  }

 private:
  Operand apply(const artefact::MetaInstruction& instruction, const Operand* operands) const {
    const Operand& a = operands[0];
    switch (instruction.op) {
      case MetaOperator::kNumber:
        return known(instruction.number);
      case MetaOperator::kRule: {
        const Bounds& value = rules_[instruction.rule];
        return {value, value.open ? instruction.rule : kNone, value.nonzero};
      }
      case MetaOperator::kNot:
        return made(truth(a.value.is_zero(), !a.value.nonzero), a, a, !a.likely);
      case MetaOperator::kNegate:
        return {{-a.value.most, -a.value.least, a.value.open, a.value.nonzero}, a.ask, a.likely};
      case MetaOperator::kAnd:
        return conjunction(a, operands[1]);
      case MetaOperator::kOr:
        return disjunction(a, operands[1]);
      case MetaOperator::kChoose:
        if (a.value.nonzero) return operands[1];
        if (!a.value.open) return operands[2];
        return {either(operands[1].value, operands[2].value), a.ask, a.likely};
      default:
        break;
    }
    const Operand& b = operands[1];
    if (!a.value.open && !b.value.open) {
      return known(result_of(instruction.op, a.value.least, b.value.least));
    }
    return made(between(instruction.op, a.value, b.value), a, b, is_likely(instruction.op, a, b));
  }

  // Of two values one of which at least is not known.
  static bool is_likely(MetaOperator op, const Operand& a, const Operand& b) {
    const double x = a.value.open ? a.likely : a.value.least;
    const double y = b.value.open ? b.likely : b.value.least;
    return result_of(op, x, y) != 0;
  }

  // a ? b : a
  Operand conjunction(const Operand& a, const Operand& b) const {
    if (a.value.nonzero) return b;
    if (!a.value.open || b.value.is_zero()) return known(0);
    Operand out = made(either(Bounds::of(0), b.value), a, b, a.likely && b.likely);
    // The one that is likely to be 0 decides.
    if (a.likely != b.likely && a.ask != kNone && b.ask != kNone)
      out.ask = a.likely ? b.ask : a.ask;
    return out;
  }

  // a ? a : b
  Operand disjunction(const Operand& a, const Operand& b) const {
    if (a.value.nonzero) return a;
    if (!a.value.open) return b;
    Operand out = made(either(a.value, b.value), a, b, a.likely || b.likely);
    if (a.likely != b.likely && a.ask != kNone && b.ask != kNone)
      out.ask = a.likely ? a.ask : b.ask;
    out.value.nonzero |= b.value.nonzero;
    return out;
  }

  // With the cheaper one of the operands' questions, if any is open.
  Operand made(const Bounds& value, const Operand& a, const Operand& b, bool likely) const {
    if (!value.open) return {value, kNone, value.nonzero};
    if (a.ask == kNone || b.ask == kNone) return {value, a.ask == kNone ? b.ask : a.ask, likely};
    return {value, prices_[b.ask] < prices_[a.ask] ? b.ask : a.ask, likely};
  }

  std::span<const Bounds> rules_;
  std::span<const float> prices_;
  std::array<Operand, artefact::kDeepestMeta> stack_;
};

}  // namespace

MetaBounds bounds_of(const artefact::Meta& meta, std::span<const Bounds> rules,
                     std::span<const float> prices) {
  const Operand result = Evaluator(rules, prices).run(meta);
  return result.value.open || std::isfinite(result.value.least) ? result : known(0);
}

}  // namespace postern::scan
