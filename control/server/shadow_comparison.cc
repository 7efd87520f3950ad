#include "control/server/shadow_comparison.h"

#include <algorithm>
#include <set>

namespace postern::server {

using channel::v1::Event;

void ShadowComparison::add(const Event& event) {
  ++events_;
  auto pair = std::ranges::find_if(pairs_, [&](const Pair& p) {
    return p.counts.set() == event.signature_set() && p.counts.shadow() == event.shadow_set();
  });
  if (pair == pairs_.end()) {
    pair = pairs_.insert(pairs_.end(), Pair{});
    pair->counts.set_set(event.signature_set());
    pair->counts.set_shadow(event.shadow_set());
  }
  channel::v1::ShadowComparison& counts = pair->counts;
  if (event.shadow_failed()) {
    counts.set_failed(counts.failed() + 1);
    return;
  }
  // Of the sets alone: what a verdict or a limit did to the message stays out.
  const bool set_refuses = event.score() >= event.threshold();
  const bool shadow_refuses = event.shadow_score() >= event.threshold();
  if (set_refuses && shadow_refuses) counts.set_refused_by_both(counts.refused_by_both() + 1);
  if (!set_refuses && !shadow_refuses) counts.set_forwarded_by_both(counts.forwarded_by_both() + 1);
  if (set_refuses && !shadow_refuses) counts.set_only_set_refuses(counts.only_set_refuses() + 1);
  if (!set_refuses && shadow_refuses)
    counts.set_only_shadow_refuses(counts.only_shadow_refuses() + 1);
  if (set_refuses != shadow_refuses && static_cast<size_t>(counts.changes_size()) < examples_)
    *counts.add_changes() = event;
  const std::set<std::string> had(event.rules().begin(), event.rules().end());
  const std::set<std::string> has(event.shadow_rules().begin(), event.shadow_rules().end());
  for (const std::string& rule : had) {
    ++pair->rules[rule].set;
    if (!has.contains(rule)) ++pair->rules[rule].lost;
  }
  for (const std::string& rule : has) {
    ++pair->rules[rule].shadow;
    if (!had.contains(rule)) ++pair->rules[rule].gained;
  }
}

void ShadowComparison::write(channel::v1::CompareShadowReply* reply) const {
  reply->set_events(events_);
  for (const Pair& pair : pairs_) {
    channel::v1::ShadowComparison& out = *reply->add_comparisons();
    out = pair.counts;
    std::vector<std::pair<std::string, Rule>> differing;
    for (const auto& [name, rule] : pair.rules)
      if (rule.gained + rule.lost > 0) differing.emplace_back(name, rule);
    std::ranges::stable_sort(differing, [](const auto& a, const auto& b) {
      return a.second.gained + a.second.lost > b.second.gained + b.second.lost;
    });
    for (const auto& [name, rule] : differing) {
      auto& row = *out.add_rules();
      row.set_rule(name);
      row.set_set_hits(rule.set);
      row.set_shadow_hits(rule.shadow);
      row.set_gained(rule.gained);
      row.set_lost(rule.lost);
    }
  }
}

}  // namespace postern::server
