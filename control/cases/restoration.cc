#include "control/cases/restoration.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/duration.h"
#include "control/cases/subject.h"
#include "control/cases/verdict_text.h"
#include "control/channel/treatment.h"

namespace postern::cases {
namespace {

using ledger::Case;
using ledger::CaseState;
using ledger::Change;
using ledger::Result;
using ledger::Switch;
using ledger::Verdict;

// Events looked through for marks. More than this in the quiet time, and nobody knows.
constexpr uint32_t kMostEvents = 20'000;

constexpr std::string_view kRestoration = "postern-control";

// The throttle of probation is the policy's treatment, by this author.
bool is_quota(const Verdict& verdict) {
  return verdict.of == Switch::SWITCH_TREATMENT && verdict.author == kRestoration;
}

Change clearing(Verdict verdict, const std::string& author, const std::string& why, uint64_t now) {
  verdict.author = author;
  verdict.reason = why;
  verdict.set_unix_s = now;
  return {ledger::Action::kClear, std::move(verdict)};
}

std::string what_it_was(const Verdict& verdict) {
  std::string out =
      fmt::format("{} {} on {}", channel::switch_name(verdict.of),
                  channel::treatment_name(verdict.treatment), verdict.prefix.to_string());
  if (!verdict.part.is_whole()) out += fmt::format(" {}", verdict.part.to_string());
  return out;
}

std::string joined(const std::vector<std::string>& texts) {
  return fmt::format("{}", fmt::join(texts, ", "));
}

}  // namespace

Restoration::Restoration(ledger::Ledger& ledger, Apply apply, Told told,
                         RestorationSettings settings)
    : ledger_(ledger),
      apply_(std::move(apply)),
      told_(std::move(told)),
      settings_(std::move(settings)) {}

Result<Case> Restoration::find(CaseReference reference) {
  auto found = ledger_.cases().find(reference);
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::unexpected(fmt::format("there is no case {}", reference.to_string()));
  return **found;
}

Result<std::vector<Verdict>> Restoration::verdicts_of(const Case& about) {
  auto inside = ledger_.verdicts_within(about.subject.server);
  if (!inside) return std::unexpected(inside.error());
  auto around = ledger_.verdicts_covering(about.subject.server.address);
  if (!around) return std::unexpected(around.error());
  std::vector<Verdict> out;
  for (auto* verdicts : {&*inside, &*around}) {
    for (Verdict& verdict : *verdicts) {
      if (verdict.case_reference != about.reference) continue;
      if (std::ranges::find(out, verdict.key(), &Verdict::key) == out.end())
        out.push_back(std::move(verdict));
    }
  }
  return out;
}

Result<void> Restoration::write(Case& about, const RestorationRecord& record,
                                const std::string& author, const std::string& action,
                                const std::string& text, uint64_t now_unix_s) {
  about.marks = write_record(record);
  if (auto done = ledger_.cases().change(about, {now_unix_s, author, action, text}); !done)
    return done;
  told_(about.reference, action);
  return {};
}

Result<std::vector<Mark>> Restoration::marks(const Case& about, uint64_t now_unix_s) {
  const auto events = ledger_.events({.client = about.subject.server, .limit = kMostEvents});
  if (!events) return std::unexpected(events.error());
  const bool cut = events->size() == kMostEvents &&
                   events->back().wall_us() / 1'000'000 + settings_.marks.quiet_s > now_unix_s;
  return marks_of(about, *events, !cut, settings_.marks, now_unix_s);
}

Result<void> Restoration::must_be_green(const Case& about, uint64_t now_unix_s) {
  const auto found = marks(about, now_unix_s);
  if (!found) return std::unexpected(found.error());
  std::vector<std::string> red;
  for (const Mark& mark : *found) {
    if (!mark.green)
      red.push_back(fmt::format("{} ({})", kMarkNames[static_cast<size_t>(mark.kind)], mark.text));
  }
  if (red.empty()) return {};
  return std::unexpected(fmt::format("not everything is mended yet: {}", joined(red)));
}

Result<void> Restoration::say_password_changed(CaseReference reference, const std::string& author,
                                               const std::string& text, uint64_t now_unix_s) {
  const std::lock_guard guard(mutex_);
  auto about = find(reference);
  if (!about) return std::unexpected(about.error());
  RestorationRecord record = read_record(about->marks);
  record.password = Said{now_unix_s, author, text};
  return write(*about, record, author, "password changed", text, now_unix_s);
}

Result<void> Restoration::note_probe(CaseReference reference, bool relay_is_open,
                                     const std::string& text, uint64_t now_unix_s) {
  const std::lock_guard guard(mutex_);
  auto about = find(reference);
  if (!about) return std::unexpected(about.error());
  RestorationRecord record = read_record(about->marks);
  record.relay = Probed{now_unix_s, relay_is_open, text};
  return write(*about, record, std::string(kRestoration), "probed", text, now_unix_s);
}

Result<void> Restoration::note_diagnosis(CaseReference reference, const std::string& json,
                                         const std::string& text, uint64_t now_unix_s) {
  const std::lock_guard guard(mutex_);
  auto about = find(reference);
  if (!about) return std::unexpected(about.error());
  // What was said already is not said again.
  const auto history = ledger_.cases().history(reference);
  if (!history) return std::unexpected(history.error());
  const auto last =
      std::find_if(history->rbegin(), history->rend(),
                   [](const ledger::CaseEntry& entry) { return entry.action == "diagnosed"; });
  if (last != history->rend() && last->text == text) return {};
  about->diagnosis = json;
  return write(*about, read_record(about->marks), std::string(kRestoration), "diagnosed", text,
               now_unix_s);
}

Result<void> Restoration::request(CaseReference reference, const std::string& author,
                                  const std::string& text, uint64_t now_unix_s) {
  const std::lock_guard guard(mutex_);
  auto about = find(reference);
  if (!about) return std::unexpected(about.error());
  if (about->state != CaseState::kOpen) {
    return std::unexpected(fmt::format("case {} is {}: there is nothing to ask for",
                                       reference.to_string(),
                                       ledger::kCaseStateNames[static_cast<size_t>(about->state)]));
  }
  if (auto green = must_be_green(*about, now_unix_s); !green) return green;
  RestorationRecord record = read_record(about->marks);
  record.request = Said{now_unix_s, author, text};
  about->state = CaseState::kRestoring;
  if (auto done = write(*about, record, author, "requested", text, now_unix_s); !done) return done;
  if (!settings_.policy_approves) return {};
  constexpr Switch kAll[] = {Switch::SWITCH_SMORF_BLOCK, Switch::SWITCH_TRUSTED_RELAY,
                             Switch::SWITCH_RANGE_EXCLUSION};
  const auto restored = restore(reference, kAll, "policy", false, now_unix_s);
  if (!restored) return std::unexpected(restored.error());
  return {};
}

Result<std::vector<std::string>> Restoration::restore(CaseReference reference,
                                                      std::span<const Switch> switches,
                                                      const std::string& author, bool although_red,
                                                      uint64_t now_unix_s) {
  const std::lock_guard guard(mutex_);
  auto about = find(reference);
  if (!about) return std::unexpected(about.error());
  if (about->state == CaseState::kClosed)
    return std::unexpected(fmt::format("case {} is closed", reference.to_string()));
  if (!although_red) {
    if (auto green = must_be_green(*about, now_unix_s); !green)
      return std::unexpected(green.error());
  }
  const auto verdicts = verdicts_of(*about);
  if (!verdicts) return std::unexpected(verdicts.error());

  RestorationRecord record = read_record(about->marks);
  std::vector<Change> changes;
  std::vector<std::string> given_back;
  bool still_restricted = false;
  const bool unblocks = std::ranges::find(switches, Switch::SWITCH_SMORF_BLOCK) != switches.end();
  for (const Verdict& verdict : *verdicts) {
    const bool asked = std::ranges::find(switches, verdict.of) != switches.end() ||
                       (unblocks && verdict.of == Switch::SWITCH_TREATMENT);
    if (is_quota(verdict)) continue;
    if (!asked) {
      still_restricted = true;
      continue;
    }
    record.taken_away.push_back(verdict_text(verdict));
    given_back.push_back(what_it_was(verdict));
    // A revocation replaced what authorised the relay: that is what comes back.
    std::optional<Verdict> before;
    if (verdict.of == Switch::SWITCH_TRUSTED_RELAY) {
      const auto history = ledger_.history_of(verdict.prefix);
      if (!history) return std::unexpected(history.error());
      for (const Change& past : *history) {
        if (past.verdict.of != verdict.of || past.verdict.case_reference == reference) continue;
        if (past.action == ledger::Action::kSet &&
            past.verdict.treatment == channel::v1::TREATMENT_PASS)
          before = past.verdict;
        break;
      }
    }
    if (before && (before->expires_unix_s == 0 || before->expires_unix_s > now_unix_s)) {
      changes.push_back({ledger::Action::kSet, *before});
    } else {
      changes.push_back(clearing(
          verdict, author, fmt::format("case {} restored", reference.to_string()), now_unix_s));
    }
  }
  if (changes.empty() && still_restricted) return given_back;
  if (const auto version = apply_(changes); !version) return std::unexpected(version.error());
  if (!given_back.empty()) {
    about->state = CaseState::kRestoring;
    if (auto done = write(*about, record, author, "restored", joined(given_back), now_unix_s);
        !done)
      return std::unexpected(done.error());
  }
  if (!still_restricted && about->state == CaseState::kRestoring) {
    if (auto begun = begin_probation(*about, record, author, now_unix_s); !begun)
      return std::unexpected(begun.error());
  }
  return given_back;
}

Result<void> Restoration::set_quota(const Case& about, uint32_t step, uint64_t now_unix_s) {
  if (!about.subject.part.empty()) return {};  // others on that server did nothing
  const Change quota{
      ledger::Action::kSet,
      {.prefix = about.subject.server,
       .treatment = channel::v1::TREATMENT_THROTTLE,
       .messages_per_minute = settings_.probation[step].messages_per_minute,
       .case_reference = about.reference,
       .reason = fmt::format("probation, step {} of {}", step + 1, settings_.probation.size()),
       .author = std::string(kRestoration),
       .set_unix_s = now_unix_s}};
  // What a person or another case says of the sender's treatment is not written over.
  const auto there = ledger_.verdict_on(quota.verdict.key());
  if (!there) return std::unexpected(there.error());
  if (*there && !is_quota(**there)) return {};
  if (const auto version = apply_({&quota, 1}); !version) return std::unexpected(version.error());
  return {};
}

Result<void> Restoration::begin_probation(Case& about, RestorationRecord& record,
                                          const std::string& author, uint64_t now_unix_s) {
  if (settings_.probation.empty()) {
    about.state = CaseState::kClosed;
    about.closed_unix_s = now_unix_s;
    return write(about, record, author, "closed", "all switches are back; there is no probation",
                 now_unix_s);
  }
  if (auto done = set_quota(about, 0, now_unix_s); !done) return done;
  about.state = CaseState::kProbation;
  record.probation_since_unix_s = now_unix_s;
  record.probation_step = 0;
  on_probation_[about.reference] = {about.subject, {}};
  const ProbationStep& first = settings_.probation[0];
  const std::string span = format_duration(std::chrono::seconds(first.seconds));
  return write(about, record, author, "probation",
               about.subject.part.empty()
                   ? fmt::format("{} messages a minute for {}", first.messages_per_minute, span)
                   : "it sends again, and is watched",
               now_unix_s);
}

Result<void> Restoration::advance(Case about, uint64_t now_unix_s) {
  RestorationRecord record = read_record(about.marks);
  const auto& steps = settings_.probation;
  uint64_t end = record.probation_since_unix_s;
  uint32_t step = 0;
  while (step < steps.size() && end + steps[step].seconds <= now_unix_s)
    end += steps[step++].seconds;
  if (step < steps.size()) {
    if (step == record.probation_step) return {};
    if (auto done = set_quota(about, step, now_unix_s); !done) return done;
    record.probation_step = step;
    return write(about, record, std::string(kRestoration), "quota raised",
                 fmt::format("{} messages a minute", steps[step].messages_per_minute), now_unix_s);
  }
  const auto verdicts = verdicts_of(about);
  if (!verdicts) return std::unexpected(verdicts.error());
  std::vector<Change> changes;
  for (const Verdict& verdict : *verdicts) {
    if (is_quota(verdict))
      changes.push_back(
          clearing(verdict, std::string(kRestoration), "probation is over", now_unix_s));
  }
  if (const auto version = apply_(changes); !version) return std::unexpected(version.error());
  on_probation_.erase(about.reference);
  about.state = CaseState::kClosed;
  about.closed_unix_s = now_unix_s;
  return write(about, record, std::string(kRestoration), "closed", "probation went well",
               now_unix_s);
}

Result<void> Restoration::look(uint64_t now_unix_s) {
  const std::lock_guard guard(mutex_);
  const auto cases = ledger_.cases().list({.state = CaseState::kProbation, .limit = 100'000});
  if (!cases) return std::unexpected(cases.error());
  std::erase_if(on_probation_, [&](const auto& entry) {
    return std::ranges::find(*cases, entry.first, &Case::reference) == cases->end();
  });
  for (const Case& about : *cases) {
    if (!on_probation_.contains(about.reference)) {
      auto known = recall(about);
      if (!known) return std::unexpected(known.error());
      const OnProbation& there =
          on_probation_.emplace(about.reference, std::move(*known)).first->second;
      if (has_relapsed(there)) {
        const size_t messages = there.fingerprints.size();
        if (auto done = relapse(about.reference, messages, now_unix_s); !done) return done;
        continue;
      }
    }
    if (auto done = advance(about, now_unix_s); !done) return done;
  }
  return {};
}

// What an earlier process saw of a probation.
Result<Restoration::OnProbation> Restoration::recall(const Case& about) {
  constexpr uint32_t kMost = 10'000;
  const uint64_t since_unix_s = read_record(about.marks).probation_since_unix_s;
  OnProbation out{about.subject, {}};
  for (const std::string_view outcome : kSpamOutcomes) {
    const auto events = ledger_.events(
        {.client = about.subject.server, .outcome = std::string(outcome), .limit = kMost});
    if (!events) return std::unexpected(events.error());
    for (const channel::v1::Event& event : *events) {
      if (event.wall_us() / 1'000'000 >= since_unix_s) count(event, out);
    }
  }
  return out;
}

void Restoration::count(const channel::v1::Event& event, OnProbation& there) {
  if (!is_spam(event) || !concerns(there.subject, event)) return;
  auto& seen = there.fingerprints;
  if (std::ranges::find(seen, event.content_hash()) == seen.end())
    seen.push_back(event.content_hash());
}

bool Restoration::has_relapsed(const OnProbation& there) const {
  return there.fingerprints.size() >= settings_.relapse_messages;
}

void Restoration::observe(const channel::v1::EventBatch& batch, uint64_t now_unix_s) {
  const std::lock_guard guard(mutex_);
  if (on_probation_.empty()) return;
  std::map<CaseReference, size_t> relapsed;
  for (const channel::v1::Event& event : batch.events()) {
    for (auto& [reference, there] : on_probation_) {
      count(event, there);
      if (has_relapsed(there)) relapsed[reference] = there.fingerprints.size();
    }
  }
  for (const auto& [reference, messages] : relapsed) {
    if (const auto done = relapse(reference, messages, now_unix_s); !done)
      spdlog::error("case {}: {}", reference.to_string(), done.error());
  }
}

Result<void> Restoration::relapse(CaseReference reference, size_t messages, uint64_t now_unix_s) {
  auto about = find(reference);
  if (!about) return std::unexpected(about.error());
  if (about->state != CaseState::kProbation) return {};
  RestorationRecord record = read_record(about->marks);
  const auto verdicts = verdicts_of(*about);
  if (!verdicts) return std::unexpected(verdicts.error());
  std::vector<Change> changes;
  const std::string why = fmt::format("relapse: {} spam messages in probation", messages);
  for (const Verdict& verdict : *verdicts) {
    if (is_quota(verdict))
      changes.push_back(clearing(verdict, std::string(kRestoration), why, now_unix_s));
  }
  for (const std::string& text : record.taken_away) {
    auto verdict = read_verdict(text);
    if (!verdict) continue;
    verdict->set_unix_s = now_unix_s;
    if (verdict->expires_unix_s != 0 && verdict->expires_unix_s <= now_unix_s)
      verdict->expires_unix_s = 0;
    changes.push_back({ledger::Action::kSet, *verdict});
  }
  if (const auto version = apply_(changes); !version) return std::unexpected(version.error());
  on_probation_.erase(reference);
  record = {};
  about->state = CaseState::kOpen;
  return write(*about, record, std::string(kRestoration), "relapsed", why, now_unix_s);
}

Result<void> Restoration::close(CaseReference reference, const std::string& author,
                                const std::string& text, uint64_t now_unix_s) {
  const std::lock_guard guard(mutex_);
  auto about = find(reference);
  if (!about) return std::unexpected(about.error());
  if (about->state == CaseState::kClosed)
    return std::unexpected(fmt::format("case {} is closed already", reference.to_string()));
  on_probation_.erase(reference);
  about->state = CaseState::kClosed;
  about->closed_unix_s = now_unix_s;
  return write(*about, read_record(about->marks), author, "closed", text, now_unix_s);
}

}  // namespace postern::cases
