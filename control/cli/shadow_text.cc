#include "control/cli/shadow_text.h"

#include <fmt/format.h>

#include "base/case_reference.h"
#include "base/time_text.h"
#include "control/cli/table.h"

namespace postern::cli {
namespace {

using channel::v1::CompareShadowReply;
using channel::v1::Event;
using channel::v1::ShadowComparison;
using nlohmann::ordered_json;

constexpr int kRulesShown = 20;

std::string case_text(const Event& event) {
  return event.case_reference() == 0 ? "-" : CaseReference{event.case_reference()}.to_string();
}

std::string pair_text(const ShadowComparison& pair) {
  std::string out = fmt::format("set {} against shadow {}\n",
                                pair.set().empty() ? "none" : pair.set().substr(0, 16),
                                pair.shadow().substr(0, 16));
  Table square({"", "shadow refuses", "shadow forwards"});
  square.add({"set refuses", std::to_string(pair.refused_by_both()),
              std::to_string(pair.only_set_refuses())});
  square.add({"set forwards", std::to_string(pair.only_shadow_refuses()),
              std::to_string(pair.forwarded_by_both())});
  out += square.to_string(2);
  if (pair.failed() > 0)
    out +=
        fmt::format("  scans of the shadow that failed, counted nowhere else: {}\n", pair.failed());
  if (pair.changes_size() > 0) {
    out += "\n  messages that would change, newest first\n";
    Table table({"time", "case", "client", "score", "shadow", "would be", "subject"});
    for (const Event& event : pair.changes()) {
      table.add({local_time(event.wall_us() / 1'000'000), case_text(event), event.client(),
                 fmt::format("{:.3f}", event.score()), fmt::format("{:.3f}", event.shadow_score()),
                 event.shadow_score() >= event.threshold() ? "refused" : "forwarded",
                 printable(event.subject())});
    }
    out += table.to_string(2);
    const uint64_t changed = pair.only_set_refuses() + pair.only_shadow_refuses();
    const auto shown = static_cast<uint64_t>(pair.changes_size());
    if (changed > shown)
      out += fmt::format("  … {} more (--examples says how many are listed)\n", changed - shown);
  }
  if (pair.rules_size() > 0) {
    out += "\n  rules that hit other messages\n";
    Table table({"rule", "set", "shadow", "more", "fewer"});
    for (int i = 0; i < std::min(pair.rules_size(), kRulesShown); ++i) {
      const auto& rule = pair.rules(i);
      table.add({printable(rule.rule()), std::to_string(rule.set_hits()),
                 std::to_string(rule.shadow_hits()), fmt::format("+{}", rule.gained()),
                 fmt::format("-{}", rule.lost())});
    }
    out += table.to_string(2);
    if (pair.rules_size() > kRulesShown)
      out += fmt::format("  … {} more (--json lists them)\n", pair.rules_size() - kRulesShown);
  }
  return out;
}

ordered_json change_json(const Event& event) {
  ordered_json out{
      {"timestamp", utc_time(event.wall_us() / 1'000'000)},
      {"case", event.case_reference() == 0 ? ordered_json() : ordered_json(case_text(event))},
      {"client", event.client()},
      {"mail_from", event.mail_from()},
      {"subject", event.subject()},
      {"outcome", event.outcome()},
      {"score", event.score()},
      {"shadow_score", event.shadow_score()},
      {"threshold", event.threshold()},
      {"rules", ordered_json::array()},
      {"shadow_rules", ordered_json::array()}};
  for (const auto& rule : event.rules()) out["rules"].push_back(rule);
  for (const auto& rule : event.shadow_rules()) out["shadow_rules"].push_back(rule);
  return out;
}

}  // namespace

std::string shadow_text(const CompareShadowReply& reply) {
  if (reply.events() == 0)
    return "no message was seen by a shadow set; one comes with: postern signatures load SET "
           "--shadow (--since and --client narrow what is looked at)\n";
  std::string out;
  for (const auto& pair : reply.comparisons()) {
    if (!out.empty()) out += '\n';
    out += pair_text(pair);
  }
  return out;
}

ordered_json shadow_json(const CompareShadowReply& reply) {
  ordered_json out{{"messages", reply.events()}, {"comparisons", ordered_json::array()}};
  for (const auto& pair : reply.comparisons()) {
    ordered_json entry{{"set", pair.set()},
                       {"shadow", pair.shadow()},
                       {"refused_by_both", pair.refused_by_both()},
                       {"forwarded_by_both", pair.forwarded_by_both()},
                       {"only_set_refuses", pair.only_set_refuses()},
                       {"only_shadow_refuses", pair.only_shadow_refuses()},
                       {"failed", pair.failed()},
                       {"changes", ordered_json::array()},
                       {"rules", ordered_json::array()}};
    for (const Event& event : pair.changes()) entry["changes"].push_back(change_json(event));
    for (const auto& rule : pair.rules()) {
      entry["rules"].push_back({{"rule", rule.rule()},
                                {"set_hits", rule.set_hits()},
                                {"shadow_hits", rule.shadow_hits()},
                                {"gained", rule.gained()},
                                {"lost", rule.lost()}});
    }
    out["comparisons"].push_back(std::move(entry));
  }
  return out;
}

}  // namespace postern::cli
