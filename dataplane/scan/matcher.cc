#include "dataplane/scan/matcher.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace postern::scan {
namespace {

using artefact::ExpressionClass;
using artefact::kNone;
using language::Target;

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
                    Hits* hits, Asked asked) {
  set_ = set;
  asked_ = asked;
  scratch_ = scratch;
  hits_ = hits;
  hits_->begin(*set);
  failed_ = false;
  confirmations_cut_ = 0;
  rules_cut_ = 0;
}

void Matcher::match_elements(Target target, const ElementBuffer& buffer, bool has_subject,
                             bool keeps) {
  const MatchPlan& plan = set_->plan(target);
  if (plan.empty() || buffer.count() == 0) return;
  subject_ = {.elements = &buffer, .has_subject = has_subject, .keeps = keeps};
  run(plan, buffer.joined());
}

void Matcher::match_text(Target target, std::string_view text) {
  const MatchPlan& plan = set_->plan(target);
  if (plan.empty()) return;
  subject_ = {.text = text};
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
  subject_ = {.text = value, .keeps = scratch_->can_keep(value)};
  const uint32_t before = scratch_->pending.count();
  run(plan.match, value);
  if (scratch_->pending.count() != before) scratch_->keep(value);
  for (uint32_t rule : plan.negated) hits_->flip(rule);
}

void Matcher::match_absent(const HeaderPlan& plan) {
  for (uint32_t rule : plan.hit_when_absent) hits_->hit(rule);
}

void Matcher::match_part_value(const HeaderPlan& plan, std::string_view value) {
  subject_ = {.text = value};
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
  subject_ = {.text = window,
              .begin = begin,
              .context = context,
              .options = is_last ? 0U : uint32_t{PCRE2_NOTEOL}};
  run(plan, window);
}

void Matcher::run(const MatchPlan& plan, std::string_view text) {
  begin_scan();
  if (plan.database != nullptr) search(plan.database.get(), text);
  if (plan.factors != nullptr) search_factors(*plan.factors);
  for (const uint32_t expression : plan.alone) {
    if (can_put_off(expression)) {
      scratch_->pending.add(
          expression,
          {.element = text, .elements = subject_.elements, .has_subject = subject_.has_subject});
    } else {
      run_alone(expression, text);
    }
  }
}

// Elements are told apart by (scan, number); on overflow old marks could be taken for new ones.
void Matcher::begin_scan() {
  if (++scratch_->scans == 0) std::ranges::fill(scratch_->tried, uint64_t{0});
}

void Matcher::search(hs_database_t* database, std::string_view text) {
  const hs_error_t code = hs_scan(database, text.data(), static_cast<unsigned>(text.size()), 0,
                                  scratch_->hyperscan, &Matcher::on_match, this);
  if (code != HS_SUCCESS) failed_ = true;
}

void Matcher::run_alone(uint32_t index, std::string_view text) {
  hs_database_t* const database = set_->expressions[index].alone.get();
  if (database != nullptr) {
    search(database, text);
  } else {
    try_everywhere(index);
  }
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
  const uint32_t element = subject_.elements ? subject_.elements->element_before(end) : 0;
  // Hyperscan tells of each end of a match.
  if (scratch_->tried[index] == mark_of(element)) return;
  scratch_->tried[index] = mark_of(element);
  if (!can_put_off(index)) return confirm(index, element);
  if (is_left_out(expression, element)) return;
  scratch_->pending.add(index, {.element = this->element(element)});
}

bool Matcher::can_put_off(uint32_t index) const {
  return subject_.keeps && set_->expressions[index].serves_metas && scratch_->pending.has_room();
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
    FactorSearch::Notes& notes = scratch_->notes;
    factors.search(element(i), notes);
    const bool keeps = notes.can_keep();
    bool any_kept = false;
    for (const uint32_t expression : notes.candidates()) {
      const FactorSearch::Trace trace = notes.trace(expression);
      if (!keeps || !can_put_off(expression)) {
        confirm_candidate(factors, expression, i, trace);
      } else if (!is_left_out(set_->expressions[expression], i)) {
        scratch_->pending.add(expression, {.element = element(i), .trace = trace});
        any_kept = true;
      }
    }
    if (any_kept) notes.keep();
  }
}

// Matches an expression within one element, once. next() finds a match from some place on.
template <typename Next>
void Matcher::confirm(uint32_t index, uint32_t element, Next&& next) {
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
void Matcher::confirm_candidate(const FactorSearch& factors, uint32_t index, uint32_t element_index,
                                const FactorSearch::Trace& trace) {
  const CompiledExpression& expression = set_->expressions[index];
  const std::string_view text = element(element_index);
  if (expression.counter != kNone || subject_.begin + subject_.context > 0) {
    const auto next = [&](size_t from, uint32_t options, size_t& begin, size_t& end) {
      bool found = false;
      const uint32_t before = confirmations_cut_;
      factors.for_each_window_from(
          scratch_->notes, trace, index, text, from, [&](FactorSearch::Window window) {
            pcre2_set_offset_limit(scratch_->context, window.to);
            found = search(expression, text, window.from, options, begin, end);
            return found || confirmations_cut_ != before;
          });
      return found;
    };
    confirm(index, element_index, next);
  } else if (!hits_->is_hit(expression.rule) && !is_left_out(expression, element_index)) {
    const uint32_t before = confirmations_cut_;
    factors.for_each_window(scratch_->notes, trace, index, text, [&](FactorSearch::Window window) {
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

const MatchPlan& Matcher::plan_of(const artefact::Rule& rule) const {
  return language::has_selector(rule.target) ? set_->headers[rule.selector].match
                                             : set_->plan(rule.target);
}

// Of a rule that is no meta.
Bounds Matcher::bounds_of(uint32_t rule) const {
  const uint32_t expression = set_->rules[rule].expression;
  const bool is_open = expression != kNone && set_->expressions[expression].serves_metas &&
                       scratch_->pending.any(expression);
  const uint32_t counter = set_->counter_of_rule[rule];
  if (counter == kNone) {
    return is_open ? Bounds::between(0, 1) : Bounds::of(hits_->is_hit(rule));
  }
  const double count = hits_->count(counter);
  if (!is_open) return Bounds::of(count);
  const uint32_t most = set_->rules[rule].maximum_hits;
  return Bounds::between(count, most == 0 ? std::numeric_limits<double>::infinity() : most);
}

// Looks at the places where the rule may match, as far as that takes.
Bounds Matcher::settle(uint32_t rule) {
  const uint32_t index = set_->rules[rule].expression;
  const MatchPlan& plan = plan_of(set_->rules[rule]);
  const CompiledExpression& expression = set_->expressions[index];
  const bool is_negated = set_->rules[rule].flags & artefact::kNegated;
  if (is_negated) hits_->flip(rule);
  while (scratch_->pending.any(index)) {
    if (hits_->is_hit(rule) && expression.counter == kNone) {
      scratch_->pending.drop(index);
      break;
    }
    const Pending::Place& place = scratch_->pending.take(index);
    subject_ = {
        .elements = place.elements, .has_subject = place.has_subject, .text = place.element};
    if (expression.kind == ExpressionClass::kFactored) {
      confirm_candidate(*plan.factors, index, 0, place.trace);
    } else if (expression.alone != nullptr || expression.kind == ExpressionClass::kPcre2) {
      begin_scan();
      run_alone(index, place.element);
    } else {
      confirm(index, 0);
    }
  }
  if (is_negated) hits_->flip(rule);
  return bounds_of(rule);
}

void Matcher::finish() {
  if (set_->rules.empty()) return;  // there may be no scratch
  Pending& pending = scratch_->pending;
  MetaEvaluation& metas = scratch_->metas;
  for (uint32_t place = 0; place < pending.count(); ++place) {
    const uint32_t rule = set_->expressions[pending.expression(place)].rule;
    if (asked_ == Asked::kAllRules) {
      settle(rule);
    } else {
      metas.tell(*set_, rule, bounds_of(rule));
    }
  }
  const auto words = hits_->words();
  for (size_t word = 0; word < words.size(); ++word) {
    for (uint64_t bits = words[word]; bits != 0; bits &= bits - 1) {
      const auto bit = static_cast<size_t>(std::countr_zero(bits));
      const auto rule = static_cast<uint32_t>(word * 64 + bit);
      metas.tell(*set_, rule, bounds_of(rule));
    }
  }
  metas.run(*set_, asked_, *this, *hits_);
  pending.clear();
  scratch_->notes.keep_none();
  scratch_->kept = 0;
}

}  // namespace postern::scan
