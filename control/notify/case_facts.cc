#include "control/notify/case_facts.h"

#include <algorithm>
#include <map>
#include <unordered_set>

#include "control/cases/subject.h"

namespace postern::notify {
namespace {

using channel::v1::Event;
using ledger::Result;
using nlohmann::json;

constexpr uint64_t kBeforeOpening_s = 24 * 3600;
constexpr size_t kMostRules = 8;

MessageCounts count(const ledger::Case& about, const std::vector<Event>& newest_first) {
  MessageCounts out;
  out.all = newest_first.size() < MessageCounts::kMostEvents;
  std::unordered_set<std::string> fingerprints;
  std::map<std::string, uint64_t> rules;
  for (const Event& event : newest_first) {
    const uint64_t at = event.wall_us() / 1'000'000;
    if (at + kBeforeOpening_s < about.opened_unix_s) continue;
    if (about.closed_unix_s != 0 && at > about.closed_unix_s) continue;
    if (!cases::concerns(about.subject, event)) continue;
    if (cases::is_blocked_attempt(about.subject, event)) ++out.blocked;
    if (!cases::is_spam(event)) continue;
    ++out.spam;
    out.recipients += event.recipients_count();
    if (event.content_hash().empty() || fingerprints.insert(event.content_hash()).second)
      ++out.unique_spam;
    for (const std::string& rule : event.rules()) ++rules[rule];
    out.last_unix_s = std::max(out.last_unix_s, at);
    out.first_unix_s = out.first_unix_s == 0 ? at : std::min(out.first_unix_s, at);
  }
  out.rules.assign(rules.begin(), rules.end());
  std::ranges::stable_sort(out.rules, std::greater(), [](const auto& rule) { return rule.second; });
  if (out.rules.size() > kMostRules) out.rules.resize(kMostRules);
  return out;
}

Result<std::vector<ledger::Verdict>> verdicts_of(ledger::Ledger& ledger,
                                                 const ledger::Case& about) {
  auto inside = ledger.verdicts_within(about.subject.server);
  if (!inside) return std::unexpected(inside.error());
  auto around = ledger.verdicts_covering(about.subject.server.address);
  if (!around) return std::unexpected(around.error());
  std::vector<ledger::Verdict> out;
  for (auto* verdicts : {&*inside, &*around}) {
    for (ledger::Verdict& verdict : *verdicts) {
      if (verdict.case_reference == about.reference &&
          std::ranges::find(out, verdict.key(), &ledger::Verdict::key) == out.end())
        out.push_back(std::move(verdict));
    }
  }
  return out;
}

// A header was kept, and better one with a sender, which XARF must name.
std::optional<Event> sample_among(std::vector<ledger::Evidence>& oldest_first) {
  const auto worth = [](const Event& event) {
    return (event.header_sample().empty() ? 0 : 2) + (event.mail_from().empty() ? 0 : 1);
  };
  Event* best = nullptr;
  for (ledger::Evidence& evidence : oldest_first) {
    Event& event = evidence.event;
    if (worth(event) > 0 && (best == nullptr || worth(event) >= worth(*best))) best = &event;
  }
  if (best == nullptr) return std::nullopt;
  return std::move(*best);
}

std::string text_in(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return {};
  if (found->is_string()) return found->get<std::string>();
  return found->is_number() ? found->dump() : "";
}

std::vector<std::string> texts_in(const json& object, const char* name) {
  std::vector<std::string> out;
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array()) return out;
  for (const json& element : *found) {
    if (element.is_string()) out.push_back(element.get<std::string>());
    if (element.is_object()) {
      if (std::string text = text_in(element, "text"); !text.empty()) out.push_back(text);
    }
  }
  return out;
}

}  // namespace

void read_diagnosis(const std::string& text, CaseFacts& facts) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return;
  facts.advice = texts_in(object, "advice");
  const auto findings = object.find("findings");
  if (findings == object.end() || !findings->is_array()) return;
  for (const json& element : *findings) {
    if (!element.is_object()) continue;
    Finding finding{.kind = text_in(element, "kind"),
                    .confidence = text_in(element, "confidence"),
                    .text = text_in(element, "text"),
                    .lines = texts_in(element, "lines")};
    const auto confidence = element.find("confidence");
    if (confidence != element.end() && confidence->is_number()) {
      const double value = confidence->get<double>();
      if (value >= 0 && value <= 1) finding.probability = value;
    }
    if (!finding.text.empty() || !finding.kind.empty())
      facts.findings.push_back(std::move(finding));
  }
}

Result<std::optional<CaseFacts>> read_facts(ledger::Ledger& ledger, CaseReference reference) {
  const auto about = ledger.cases().find(reference);
  if (!about) return std::unexpected(about.error());
  if (!*about) return std::nullopt;
  CaseFacts facts{.about = **about};
  const ledger::Subject& subject = facts.about.subject;

  auto customer = facts.about.customer != 0 ? ledger.customers().find(facts.about.customer)
                                            : ledger.customers().owner_of(subject.server.address);
  if (!customer) return std::unexpected(customer.error());
  facts.customer = std::move(*customer);
  auto history = ledger.cases().history(reference);
  if (!history) return std::unexpected(history.error());
  facts.history = std::move(*history);
  auto verdicts = verdicts_of(ledger, facts.about);
  if (!verdicts) return std::unexpected(verdicts.error());
  facts.verdicts = std::move(*verdicts);
  const auto events =
      ledger.events({.client = subject.server, .limit = MessageCounts::kMostEvents});
  if (!events) return std::unexpected(events.error());
  facts.counts = count(facts.about, *events);
  auto evidence = ledger.cases().evidence(reference);
  if (!evidence) return std::unexpected(evidence.error());
  facts.sample = sample_among(*evidence);
  read_diagnosis(facts.about.diagnosis, facts);
  return facts;
}

}  // namespace postern::notify
