#include "dataplane/scan/meta_evaluation.h"

#include <algorithm>
#include <bit>

#include "dataplane/scan/matcher.h"

namespace postern::scan {
namespace {

// A meta that is not 0 is hit, and a hit always counts for something.
Bounds as_hit(Bounds value) {
  if (!value.open) {
    return value.nonzero ? Bounds::of(value.least > 0 ? value.least : 1) : Bounds::of(0);
  }
  if (value.least < 0) value.most = std::max(value.most, 1.0);
  value.least = std::max(value.least, 0.0);
  return value;
}

}  // namespace

void MetaEvaluation::prepare(const SignatureSet::Compiled& set) {
  if (bounds_.size() < set.rules.size()) bounds_.resize(set.rules.size());
  told_.reserve(set.rules.size());
  asking_.reserve(set.metas.size());
  const size_t words = (set.metas.size() + 63) / 64;
  if (waiting_.size() < words) waiting_.resize(words);
}

void MetaEvaluation::tell(const SignatureSet::Compiled& set, uint32_t rule, const Bounds& bounds) {
  set_ = &set;
  set_bounds(rule, bounds);
}

void MetaEvaluation::set_bounds(uint32_t rule, const Bounds& bounds) {
  if (bounds_[rule].is_zero() && !bounds.is_zero()) {
    told_.push_back(rule);
    for (const uint32_t meta : set_->metas_waiting_for[rule]) {
      waiting_[meta / 64] |= uint64_t{1} << (meta % 64);
    }
  }
  bounds_[rule] = bounds;
}

void MetaEvaluation::run(const SignatureSet::Compiled& set, Asked asked, RuleSource& source,
                         Hits& hits) {
  set_ = &set;
  source_ = &source;
  hits_ = &hits;
  for (const uint32_t meta : set.metas_always) {
    waiting_[meta / 64] |= uint64_t{1} << (meta % 64);
  }
  // What waits for a meta stands behind it: one pass sees all.
  const size_t words = (set.metas.size() + 63) / 64;
  for (size_t word = 0; word < words; ++word) {
    while (waiting_[word] != 0) {
      const auto bit = static_cast<size_t>(std::countr_zero(waiting_[word]));
      waiting_[word] &= waiting_[word] - 1;
      const auto meta = static_cast<uint32_t>(word * 64 + bit);
      const bool is_sub_rule = set.rules[set.metas[meta].rule].flags & artefact::kSubRule;
      if (is_sub_rule && asked == Asked::kScore) {
        evaluate(meta);
      } else {
        settle(meta, asked == Asked::kAllRules);
      }
    }
  }
  for (const uint32_t rule : told_) bounds_[rule] = Bounds::of(0);
  told_.clear();
}

MetaBounds MetaEvaluation::evaluate(uint32_t index) {
  const artefact::Meta& meta = set_->metas[index];
  const MetaBounds found = bounds_of(meta, bounds_, set_->prices);
  set_bounds(meta.rule, as_hit(found.value));
  if (found.value.nonzero) hits_->hit(meta.rule);
  return found;
}

// `exactly`: its value, else only whether it is hit. Others that are asked are needed exactly.
void MetaEvaluation::settle(uint32_t meta, bool exactly) {
  asking_.push_back(meta);
  while (!asking_.empty()) {
    const MetaBounds found = evaluate(asking_.back());
    const bool is_enough = !exactly && asking_.size() == 1 && found.value.nonzero;
    if (!found.value.open || is_enough) {
      asking_.pop_back();
    } else if (set_->meta_of_rule[found.ask] == artefact::kNone) {
      set_bounds(found.ask, source_->settle(found.ask));
    } else {
      asking_.push_back(set_->meta_of_rule[found.ask]);
    }
  }
}

}  // namespace postern::scan
