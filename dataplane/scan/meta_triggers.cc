#include "dataplane/scan/meta_triggers.h"

#include <algorithm>

#include "dataplane/scan/meta_bounds.h"

namespace postern::scan {
namespace {

using artefact::MetaInstruction;
using language::MetaOperator;

// What is known of a value on the stack.
struct Value {
  bool waits = true;  // it is `idle` while all `rules` are 0; else it may be anything
  double idle = 0;
  std::vector<uint32_t> rules;  // ascending
};

double weight(const Value& operand, std::span<const double> weights) {
  double sum = 0;
  for (const uint32_t rule : operand.rules) sum += weights[rule];
  return sum;
}

Value unknown_value() { return {.waits = false, .idle = 0, .rules = {}}; }

// Of a value that is 0 while any one operand is.
const Value* rarest_zero(std::span<const Value> operands, std::span<const double> weights) {
  const Value* best = nullptr;
  for (const Value& operand : operands) {
    if (!operand.waits || operand.idle != 0) continue;
    if (best == nullptr || weight(operand, weights) < weight(*best, weights)) best = &operand;
  }
  return best;
}

// Of a value that depends on all operands.
Value together(const MetaInstruction& instruction, std::span<const Value> operands) {
  artefact::Meta meta;
  Value out;
  for (const Value& operand : operands) {
    if (!operand.waits) return unknown_value();
    meta.code.push_back({.op = MetaOperator::kNumber, .number = operand.idle});
    std::vector<uint32_t> rules;
    std::ranges::set_union(out.rules, operand.rules, std::back_inserter(rules));
    out.rules = std::move(rules);
  }
  meta.code.push_back(instruction);
  out.idle = bounds_of(meta, {}, {}).value.least;
  return out;
}

Value apply(const MetaInstruction& instruction, std::span<const Value> operands,
            std::span<const double> weights) {
  switch (instruction.op) {
    case MetaOperator::kRule:
      return {.rules = {instruction.rule}};
    case MetaOperator::kAnd:
    case MetaOperator::kDivide:
      if (const Value* rarest = rarest_zero(operands, weights)) return *rarest;
      break;
    default:
      break;
  }
  return together(instruction, operands);
}

}  // namespace

std::optional<std::vector<uint32_t>> meta_triggers(const artefact::Meta& meta,
                                                   std::span<const double> weights) {
  std::vector<Value> stack;
  for (const MetaInstruction& instruction : meta.code) {
    const size_t count = language::operands(instruction.op);
    const std::span<const Value> operands(stack.end() - static_cast<ptrdiff_t>(count), stack.end());
    Value result = apply(instruction, operands, weights);
    stack.resize(stack.size() - count);
    stack.push_back(std::move(result));
  }
  if (!stack[0].waits || stack[0].idle != 0) return {};
  return std::move(stack[0].rules);
}

}  // namespace postern::scan
