#include "dataplane/scan/matcher.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace postern::scan {
namespace {

using artefact::ExpressionClass;
using artefact::kNone;
using language::MetaOperator;
using language::Target;

int64_t whole_number(double value) {
  constexpr double kMost = 9.0e18;  // fits an int64_t
  return static_cast<int64_t>(std::clamp(value, -kMost, kMost));
}

}  // namespace

Hits::Hits()
    : bits_(std::make_unique_for_overwrite<uint64_t[]>(artefact::kMostRules / 64)),
      counts_(std::make_unique_for_overwrite<uint32_t[]>(artefact::kMostCountedRules)) {}

void Hits::begin(const SignatureSet::Compiled& set) {
  words_ = (set.rules.size() + 63) / 64;
  std::fill_n(bits_.get(), words_, uint64_t{0});
  std::fill_n(counts_.get(), set.counters, 0U);
}

void Matcher::begin(const SignatureSet::Compiled* set, MessageScan::Scratch::Impl* scratch,
                    Hits* hits) {
  set_ = set;
  scratch_ = scratch;
  hits_ = hits;
  hits_->begin(*set);
  failed_ = false;
  confirmations_cut_ = 0;
  rules_cut_ = 0;
}

void Matcher::match_elements(Target target, const ElementBuffer& buffer, bool has_subject) {
  const MatchPlan& plan = set_->plan(target);
  if (plan.empty() || buffer.count() == 0) return;
  subject_ = {&buffer, has_subject, {}, 0, 0, 0};
  run(plan, buffer.joined());
}

void Matcher::match_text(Target target, std::string_view text) {
  const MatchPlan& plan = set_->plan(target);
  if (plan.empty()) return;
  subject_ = {nullptr, false, text, 0, 0, 0};
  run(plan, text);
}

void Matcher::match_envelope(Target target, std::string_view text) {
  match_text(target, text);
  constexpr size_t kLongestLine = 2048;  // more than any line of SMTP holds (RFC 5321 4.5.3.1)
  std::array<char, kLongestLine> line;
  size_t size = 0;
  for (std::string_view piece : {language::name_of(target), std::string_view(": "), text}) {
    const size_t length = std::min(piece.size(), line.size() - size);
    std::copy_n(piece.begin(), length, line.data() + size);
    size += length;
  }
  match_text(Target::kEnvelope, {line.data(), size});
}

void Matcher::match_value(const HeaderPlan& plan, std::string_view value) {
  for (uint32_t rule : plan.hit_when_present) hits_->hit(rule);
  subject_ = {nullptr, false, value, 0, 0, 0};
  run(plan.match, value);
  for (uint32_t rule : plan.negated) hits_->flip(rule);
}

void Matcher::match_absent(const HeaderPlan& plan) {
  for (uint32_t rule : plan.hit_when_absent) hits_->hit(rule);
}

void Matcher::match_part_value(const HeaderPlan& plan, std::string_view value) {
  subject_ = {nullptr, false, value, 0, 0, 0};
  run(plan.match, value);
}

void Matcher::match_part_absent(const HeaderPlan& plan) {
  for (uint32_t rule : plan.hit_when_absent) {
    hits_->hit(rule);
    const uint32_t counter = set_->counter_of_rule[rule];
    if (counter != kNone) ++hits_->count(counter);
  }
}

// A negated rule hits when no part's field matched.
void Matcher::part_values_end(const HeaderPlan& plan) {
  for (uint32_t rule : plan.negated) hits_->flip(rule);
}

void Matcher::match_window(std::string_view window, size_t begin, size_t context, bool is_last) {
  const MatchPlan& plan = set_->plan(Target::kFull);
  if (plan.empty()) return;
  subject_ = {nullptr, false, window, begin, context, is_last ? 0U : uint32_t{PCRE2_NOTEOL}};
  run(plan, window);
}

void Matcher::run(const MatchPlan& plan, std::string_view text) {
  // Elements are told apart by (scan, number); on overflow old marks could be taken for new ones.
  if (++scratch_->scans == 0) std::ranges::fill(scratch_->tried, uint64_t{0});
  if (plan.database != nullptr) {
    const hs_error_t code =
        hs_scan(plan.database.get(), text.data(), static_cast<unsigned>(text.size()), 0,
                scratch_->hyperscan, &Matcher::on_match, this);
    if (code != HS_SUCCESS) failed_ = true;
  }
  if (plan.factors != nullptr) search_factors(*plan.factors);
  for (uint32_t expression : plan.pcre2_alone) try_everywhere(expression);
}

int Matcher::on_match(unsigned id, unsigned long long, unsigned long long to, unsigned,
                      void* context) {
  auto* matcher = static_cast<Matcher*>(context);
  if (id < matcher->set_->expressions.size()) matcher->candidate(id, to);
  return 0;
}

void Matcher::candidate(uint32_t index, uint64_t end) {
  const CompiledExpression& expression = set_->expressions[index];
  if (expression.kind == ExpressionClass::kNative) return hits_->hit(expression.rule);
  if (expression.code == nullptr) return;
  if (hits_->is_hit(expression.rule) && expression.counter == kNone) return;
  confirm(index, subject_.elements ? subject_.elements->element_before(end) : 0);
}

void Matcher::try_everywhere(uint32_t index) {
  const CompiledExpression& expression = set_->expressions[index];
  for (uint32_t i = 0; i < elements(); ++i) {
    if (hits_->is_hit(expression.rule) && expression.counter == kNone) return;
    confirm(index, i);
  }
}

void Matcher::search_factors(const FactorSearch& factors) {
  for (uint32_t i = 0; i < elements(); ++i) {
    factors.search(element(i), scratch_->notes);
    for (const uint32_t expression : scratch_->notes.candidates()) {
      confirm_candidate(factors, expression, i);
    }
  }
}

// Matches an expression within one element, once. next() finds a match from some place on.
template <typename Next>
void Matcher::confirm(uint32_t index, uint32_t element, Next&& next) {
  if (scratch_->tried[index] == mark_of(element)) return;
  scratch_->tried[index] = mark_of(element);
  const CompiledExpression& expression = set_->expressions[index];
  if (is_left_out(expression, element)) return;
  size_t from = subject_.begin;
  size_t begin = 0, end = 0;
  uint32_t options = subject_.options;
  while (next(from, options, begin, end)) {
    // A match within the context was found with the window before this one.
    const bool is_new = subject_.context == 0 || end > subject_.context;
    if (is_new) hits_->hit(expression.rule);
    if (is_new && expression.counter == kNone) return;
    if (is_new) {
      uint32_t& count = hits_->count(expression.counter);
      if (expression.maximum_hits == 0 || count < expression.maximum_hits) ++count;
      if (expression.maximum_hits != 0 && count >= expression.maximum_hits) return;
    }
    // As Perl's //g: on from the match's end, and past an empty match no second empty one there.
    options = subject_.options | (begin == end ? PCRE2_NOTEMPTY_ATSTART : 0U);
    from = end;
  }
}

// Whether there is a match where one may begin is all that is asked, unless matches are counted or
// a window of the whole message has its own say.
void Matcher::confirm_candidate(const FactorSearch& factors, uint32_t index,
                                uint32_t element_index) {
  const CompiledExpression& expression = set_->expressions[index];
  const std::string_view text = element(element_index);
  if (expression.counter != kNone || subject_.begin + subject_.context > 0) {
    const auto next = [&](size_t from, uint32_t options, size_t& begin, size_t& end) {
      bool found = false;
      const uint32_t before = confirmations_cut_;
      factors.for_each_window_from(
          scratch_->notes, index, text, from, [&](FactorSearch::Window window) {
            pcre2_set_offset_limit(scratch_->context, window.to);
            found = search(expression, text, window.from, options, begin, end);
            return found || confirmations_cut_ != before;
          });
      return found;
    };
    confirm(index, element_index, next);
  } else if (!hits_->is_hit(expression.rule) && !is_left_out(expression, element_index)) {
    const uint32_t before = confirmations_cut_;
    factors.for_each_window(scratch_->notes, index, text, [&](FactorSearch::Window window) {
      size_t begin = 0, end = 0;
      pcre2_set_offset_limit(scratch_->context, window.to);
      const bool found = search(expression, text, window.from, subject_.options, begin, end);
      if (found) hits_->hit(expression.rule);
      return found || confirmations_cut_ != before;
    });
  }
  pcre2_set_offset_limit(scratch_->context, PCRE2_UNSET);
}

bool Matcher::is_left_out(const CompiledExpression& expression, uint32_t element) const {
  if (expression.no_subject && subject_.has_subject && element == 0) return true;
  return confirmations_cut_ >= kMostCutsOfRule && is_given_up(expression.rule);
}

void Matcher::confirm(uint32_t index, uint32_t element) {
  const CompiledExpression& expression = set_->expressions[index];
  const std::string_view text = this->element(element);
  confirm(index, element, [&](size_t from, uint32_t options, size_t& begin, size_t& end) {
    return search(expression, text, from, options, begin, end);
  });
}

bool Matcher::search(const CompiledExpression& expression, std::string_view text, size_t from,
                     uint32_t options, size_t& begin, size_t& end) {
  // What pcre2_match() checks before it calls the other is known to be so.
  const auto match = expression.has_jit ? &pcre2_jit_match : &pcre2_match;
  const int code = match(expression.code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                         text.size(), from, options, scratch_->match, scratch_->context);
  if (code >= 0) {
    const size_t* bounds = pcre2_get_ovector_pointer(scratch_->match);
    begin = bounds[0];
    end = bounds[1];
    return end >= from;  // \K can put the ends the wrong way round
  }
  if (code != PCRE2_ERROR_NOMATCH) cut(expression.rule);
  return false;
}

void Matcher::cut(uint32_t rule) {
  ++confirmations_cut_;
  const auto end = cuts_.begin() + static_cast<ptrdiff_t>(rules_cut_);
  const auto known = std::find_if(cuts_.begin(), end, [&](RuleCut c) { return c.rule == rule; });
  if (known != end) {
    ++known->times;
  } else if (rules_cut_ < cuts_.size()) {
    cuts_[rules_cut_++] = {rule, 1};
  }
}

bool Matcher::is_given_up(uint32_t rule) const {
  return std::ranges::any_of(
      cuts(), [&](RuleCut c) { return c.rule == rule && c.times >= kMostCutsOfRule; });
}

// A meta is 0 until one of the rules that it waits for is hit. Metas come after those that they
// use, so one pass over the bit set sees all.
void Matcher::evaluate_metas() {
  if (set_->metas.empty()) return;
  std::vector<uint64_t>& waiting = scratch_->metas;
  for (const uint32_t meta : set_->metas_always) {
    waiting[meta / 64] |= uint64_t{1} << (meta % 64);
  }
  for_each_hit([this](uint32_t rule) {
    const uint32_t counter = set_->counter_of_rule[rule];
    set_value(rule, counter == kNone ? 1.0 : hits_->count(counter));
  });
  const size_t words = (set_->metas.size() + 63) / 64;
  for (size_t word = 0; word < words; ++word) {
    while (waiting[word] != 0) {
      const auto bit = static_cast<size_t>(std::countr_zero(waiting[word]));
      waiting[word] &= waiting[word] - 1;
      const artefact::Meta& meta = set_->metas[word * 64 + bit];
      const double value = evaluate_meta(meta, scratch_->values);
      if (value == 0) continue;
      hits_->hit(meta.rule);
      // A hit always counts for something.
      set_value(meta.rule, value > 0 ? value : 1.0);
    }
  }
  for_each_hit([this](uint32_t rule) { scratch_->values[rule] = 0; });
}

template <typename Take>
void Matcher::for_each_hit(Take&& take) const {
  const auto words = hits_->words();
  for (size_t word = 0; word < words.size(); ++word) {
    for (uint64_t bits = words[word]; bits != 0; bits &= bits - 1) {
      take(static_cast<uint32_t>(word * 64 + static_cast<size_t>(std::countr_zero(bits))));
    }
  }
}

void Matcher::set_value(uint32_t rule, double value) {
  scratch_->values[rule] = value;
  for (const uint32_t meta : set_->metas_waiting_for[rule]) {
    scratch_->metas[meta / 64] |= uint64_t{1} << (meta % 64);
  }
}

double evaluate_meta(const artefact::Meta& meta, std::span<const double> values) {
  std::array<double, artefact::kDeepestMeta> stack;
  size_t height = 0;
  for (const artefact::MetaInstruction& instruction : meta.code) {
    height -= language::operands(instruction.op);
    double& a = stack[height];  // the first operand, and the result
    const auto b = [&] { return stack[height + 1]; };
    switch (instruction.op) {
      case MetaOperator::kNumber:
        a = instruction.number;
        break;
      case MetaOperator::kRule:
        a = values[instruction.rule];
        break;
      case MetaOperator::kNot:
        a = a == 0;
        break;
      case MetaOperator::kNegate:
        a = -a;
        break;
      case MetaOperator::kMultiply:
        a *= b();
        break;
      case MetaOperator::kDivide:
        a = b() == 0 ? 0 : a / b();
        break;
      case MetaOperator::kAdd:
        a += b();
        break;
      case MetaOperator::kSubtract:
        a -= b();
        break;
      case MetaOperator::kLess:
        a = a < b();
        break;
      case MetaOperator::kLessEqual:
        a = a <= b();
        break;
      case MetaOperator::kGreater:
        a = a > b();
        break;
      case MetaOperator::kGreaterEqual:
        a = a >= b();
        break;
      case MetaOperator::kEqual:
        a = a == b();
        break;
      case MetaOperator::kNotEqual:
        a = a != b();
        break;
      case MetaOperator::kExclusiveOr: {
        a = static_cast<double>(whole_number(a) ^ whole_number(b()));
        break;
      }
      case MetaOperator::kAnd:
        a = a != 0 ? b() : a;
        break;
      case MetaOperator::kOr:
        a = a != 0 ? a : b();
        break;
      case MetaOperator::kChoose:
        a = a != 0 ? b() : stack[height + 2];
        break;
    }
    ++height;
  }
  const double result = stack[0];
  return std::isfinite(result) ? result : 0;
}

}  // namespace postern::scan
