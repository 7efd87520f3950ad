#include "control/policy/enforcement.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <algorithm>

#include "control/cases/subject.h"
#include "control/channel/treatment.h"

namespace postern::policy {
namespace {

using ledger::Action;
using ledger::Case;
using ledger::CaseState;
using ledger::Change;
using ledger::Result;
using ledger::Step;
using ledger::Subject;
using ledger::Switch;
using ledger::Verdict;

constexpr uint64_t kDay_s = 86'400;
constexpr uint32_t kMostCasesOfAServer = 100;
constexpr size_t kMostRemembered = 100'000;

CaseReference new_case_reference() {
  CaseReference reference;
  while (!reference) {
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random) continue;
    reference.number = random & CaseReference::kMask;
  }
  return reference;
}

IpPrefix range_of(const IpAddress& server) {
  return IpPrefix::containing(server, server.is_v4() ? 24 : 64);
}

// The verdict of a rung; nothing where it has none.
std::optional<Verdict> verdict_for(const Subject& subject, const SenderPart& part, Step step) {
  Verdict out{.prefix = subject.server, .part = part};
  switch (step) {
    case Step::kThrottle:
      out.treatment = channel::v1::TREATMENT_THROTTLE;
      out.of = Switch::SWITCH_TREATMENT;
      return out;
    case Step::kHold:
      out.treatment = channel::v1::TREATMENT_HOLD;
      out.of = part.is_whole() ? Switch::SWITCH_TREATMENT : Switch::SWITCH_SMORF_BLOCK;
      return out;
    case Step::kBlock:
      out.treatment = channel::v1::TREATMENT_REFUSE;
      out.of = Switch::SWITCH_SMORF_BLOCK;
      return out;
    case Step::kRevoke:
      out.treatment = channel::v1::TREATMENT_REFUSE;
      out.of = Switch::SWITCH_TRUSTED_RELAY;
      return out;
    case Step::kObserve:
    case Step::kExclude:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string what_is_set(const Verdict& verdict) {
  if (verdict.treatment == channel::v1::TREATMENT_THROTTLE)
    return fmt::format("throttled to {} messages a minute", verdict.messages_per_minute);
  if (verdict.of == Switch::SWITCH_TRUSTED_RELAY) return "it is no trusted relay any more";
  return verdict.treatment == channel::v1::TREATMENT_HOLD ? "its mail is held"
                                                          : "its mail is refused";
}

}  // namespace

Enforcement::Enforcement(ledger::Ledger& ledger, Apply apply, Told told, const Settings& settings)
    : ledger_(ledger), apply_(std::move(apply)), told_(std::move(told)), settings_(settings) {}

Result<std::vector<SenderPart>> Enforcement::blocked_parts(const IpAddress& server) {
  const auto verdicts = ledger_.verdicts_on(IpPrefix::host(server));
  if (!verdicts) return std::unexpected(verdicts.error());
  std::vector<SenderPart> out;
  for (const Verdict& verdict : *verdicts)
    if (!verdict.part.is_whole()) out.push_back(verdict.part);
  return out;
}

Result<Volume> Enforcement::volume_of(const IpAddress& server, uint64_t now_unix_s) {
  const auto owner = ledger_.customers().owner_of(server);
  if (!owner) return std::unexpected(owner.error());
  if (*owner && (*owner)->limits.messages_per_day != 0)
    return Volume{(*owner)->limits.messages_per_day};
  // The week before the last day: what happens now is no part of what is usual.
  const auto hours = ledger_.senders().hours_of(IpPrefix::host(server),
                                                now_unix_s - std::min(now_unix_s, 8 * kDay_s));
  if (!hours) return std::unexpected(hours.error());
  uint64_t forwarded = 0;
  uint64_t first_s = now_unix_s;
  for (const ledger::SenderHour& hour : *hours) {
    if (hour.hour_unix_s + kDay_s > now_unix_s) continue;
    forwarded += hour.counts.forwarded;
    first_s = std::min(first_s, hour.hour_unix_s);
  }
  const uint64_t days = (now_unix_s - kDay_s - std::min(first_s, now_unix_s - kDay_s)) / kDay_s + 1;
  return Volume{forwarded / days};
}

Result<void> Enforcement::keep(const IpAddress& server, const channel::v1::Event& event) {
  const auto cases = ledger_.cases().list(
      {.only_unclosed = true, .within = IpPrefix::host(server), .limit = kMostCasesOfAServer});
  if (!cases) return std::unexpected(cases.error());
  for (const Case& about : *cases) {
    if (auto kept = keep_for(about, *cases, event); !kept) return kept;
  }
  return {};
}

Result<void> Enforcement::keep_for(const Case& about, std::span<const Case> unclosed,
                                   const channel::v1::Event& event) {
  if (!cases::concerns(about.subject, event) ||
      cases::is_of_another_case(about.subject, unclosed, event))
    return {};
  // Half of the room is kept for those of which there is a sample of the header.
  const uint32_t most =
      event.header_sample().empty() ? std::max(1U, settings_.evidence / 2) : settings_.evidence;
  const auto kept = ledger_.cases().add_evidence(
      {.reference = about.reference, .why = "spam", .event = event}, most);
  if (!kept) return std::unexpected(kept.error());
  return {};
}

Result<Enforcement::Outcome> Enforcement::in_shadow(const Subject& subject, const Finding& finding,
                                                    uint64_t now_unix_s) {
  if (said_in_shadow_.size() > kMostRemembered) said_in_shadow_.clear();
  const std::string who = cases::describe(subject);
  auto said = said_in_shadow_.find(subject);
  if (said == said_in_shadow_.end()) {
    // Another process life may have said it.
    const auto before = ledger_.audit().entries(std::string(kAuthor), who, 1);
    if (!before) return std::unexpected(before.error());
    Step step = Step::kObserve;
    bool any = false;
    if (!before->empty() && before->front().at_unix_s + kLongestWindow_s > now_unix_s) {
      for (size_t i = 0; i < std::size(ledger::kStepNames); ++i) {
        if (before->front().action == fmt::format("would {}", ledger::kStepNames[i])) {
          step = static_cast<Step>(i);
          any = true;
        }
      }
    }
    if (any) said = said_in_shadow_.emplace(subject, step).first;
  }
  if (said != said_in_shadow_.end() && said->second >= finding.step) return Outcome::kDone;
  said_in_shadow_[subject] = finding.step;
  spdlog::info("policy would {} {}: {}", ledger::step_name(finding.step), who, finding.reason);
  if (auto noted = ledger_.audit().record({now_unix_s, std::string(kAuthor),
                                           fmt::format("would {}", ledger::step_name(finding.step)),
                                           who, finding.reason});
      !noted)
    return std::unexpected(noted.error());
  return Outcome::kDone;
}

Result<Case> Enforcement::open(const Subject& subject, uint64_t customer, const Finding& finding,
                               uint64_t now_unix_s) {
  Case out{.reference = new_case_reference(),
           .customer = customer,
           .subject = subject,
           .cause = finding.reason,
           .opened_unix_s = now_unix_s,
           .changed_unix_s = now_unix_s};
  std::string action = "opened";
  std::string text = finding.reason;
  if (subject.part.empty()) {
    const auto blocked = blocked_parts(subject.server.address);
    if (!blocked) return std::unexpected(blocked.error());
    if (!blocked->empty()) {
      std::vector<std::string> names;
      for (const SenderPart& part : *blocked) names.push_back(part.to_string());
      action = "widened";
      text = fmt::format("{}, beside what {} sent, which is blocked by itself", finding.reason,
                         fmt::join(names, ", "));
    }
  }
  if (auto done = ledger_.cases().open(out, {now_unix_s, std::string(kAuthor), action, text});
      !done)
    return std::unexpected(done.error());
  spdlog::info("case {} {}: {}: {}", out.reference.to_string(), action, cases::describe(subject),
               text);
  told_(out.reference, action);
  return out;
}

// Of what the policy set about the case's subject: is some in force, has it expired, or did a
// person take it away since this was asked last?
Result<Enforcement::Past> Enforcement::what_became_of(const Case& about, const SenderPart& part) {
  const auto verdicts = ledger_.verdicts_on(about.subject.server);
  if (!verdicts) return std::unexpected(verdicts.error());
  const bool in_force = std::ranges::any_of(*verdicts, [&](const Verdict& verdict) {
    return verdict.case_reference == about.reference && verdict.part == part;
  });
  if (in_force) return Past::kInForce;
  const auto history = ledger_.history_of(about.subject.server);
  if (!history) return std::unexpected(history.error());
  const auto last = std::ranges::find_if(*history, [&](const Change& change) {
    return change.verdict.part == part && change.verdict.of != Switch::SWITCH_RANGE_EXCLUSION &&
           channel::is_about_sender(change.verdict.of) &&
           (change.action == Action::kClear || change.verdict.author == kAuthor);
  });
  if (last == history->end() || last->action != Action::kClear ||
      last->verdict.set_unix_s < about.opened_unix_s)
    return Past::kExpired;
  if (respected_.size() > kMostRemembered) respected_.clear();
  uint64_t& respected_until = respected_[about.subject];
  if (respected_until >= last->verdict.set_unix_s) return Past::kExpired;
  respected_until = last->verdict.set_unix_s;
  return Past::kTakenAway;
}

Result<Enforcement::Outcome> Enforcement::act(const IpAddress& server, const Finding& finding,
                                              std::span<const channel::v1::Event> recent,
                                              uint64_t now_unix_s) {
  const Subject subject{IpPrefix::host(server), finding.part.to_string()};
  auto found = ledger_.cases().about(subject);
  if (!found) return std::unexpected(found.error());
  if (*found && (*found)->state != CaseState::kOpen) return Outcome::kDone;
  const auto owner = ledger_.customers().owner_of(server);
  if (!owner) return std::unexpected(owner.error());
  const bool exempt =
      (*owner && (*owner)->limits.exempt) ||
      std::ranges::any_of(settings_.exempt, [&](const IpPrefix& p) { return p.contains(server); });
  const Step step = exempt ? Step::kObserve : finding.step;
  if (settings_.shadow) {
    Finding seen = finding;
    seen.step = step;
    return in_shadow(subject, seen, now_unix_s);
  }
  if (!*found) {
    auto opened = open(subject, *owner ? (*owner)->id : 0, finding, now_unix_s);
    if (!opened) return std::unexpected(opened.error());
    *found = std::move(*opened);
    const auto unclosed = ledger_.cases().list(
        {.only_unclosed = true, .within = subject.server, .limit = kMostCasesOfAServer});
    if (!unclosed) return std::unexpected(unclosed.error());
    for (const channel::v1::Event& event : recent) {
      if (auto kept = keep_for(**found, *unclosed, event); !kept)
        return std::unexpected(kept.error());
    }
  }
  Case& about = **found;
  auto wanted = verdict_for(subject, finding.part, step);
  std::string text = finding.reason;
  if (wanted) {
    const auto there = ledger_.verdict_on(wanted->key());
    if (!there) return std::unexpected(there.error());
    const bool ours = *there && (*there)->author == kAuthor;
    if (ours && (*there)->treatment >= wanted->treatment && about.step >= step)
      return Outcome::kDone;
    if (step == Step::kRevoke) {
      const auto covering = ledger_.verdicts_covering(server);
      if (!covering) return std::unexpected(covering.error());
      const bool trusted = std::ranges::any_of(*covering, [](const Verdict& verdict) {
        return verdict.of == Switch::SWITCH_TRUSTED_RELAY &&
               verdict.treatment == channel::v1::TREATMENT_PASS;
      });
      if (!trusted) return Outcome::kDone;  // nobody had authorised it: there is nothing to revoke
    }
    if (about.step >= step) {
      // It is on this rung, or on a higher one. What was set of it may be over.
      const auto over = what_became_of(about, finding.part);
      if (!over) return std::unexpected(over.error());
      if (*over != Past::kExpired)
        return *over == Past::kTakenAway ? Outcome::kForgiven : Outcome::kDone;
    }
    // What a person authorised is revoked; all else that others say stays.
    const bool replaces = ours || !*there || step == Step::kRevoke;
    if (!replaces) {
      if (about.step >= step) return Outcome::kDone;
      text += fmt::format("; not set: what {} says of it stays", (*there)->author);
    } else {
      wanted->case_reference = about.reference;
      wanted->reason = finding.reason;
      wanted->author = kAuthor;
      wanted->set_unix_s = now_unix_s;
      wanted->expires_unix_s = finding.holds_for_s == 0 ? 0 : now_unix_s + finding.holds_for_s;
      if (wanted->treatment == channel::v1::TREATMENT_THROTTLE) {
        wanted->messages_per_minute = *owner && (*owner)->limits.messages_per_minute != 0
                                          ? (*owner)->limits.messages_per_minute
                                          : settings_.messages_per_minute;
      }
      const Change change{Action::kSet, *wanted};
      if (const auto version = apply_({&change, 1}); !version)
        return std::unexpected(version.error());
      text += fmt::format(": {}", what_is_set(*wanted));
    }
  }
  if (step <= about.step && !wanted) return Outcome::kDone;
  // Somebody may have begun to restore it meanwhile.
  found = ledger_.cases().about(subject);
  if (!found) return std::unexpected(found.error());
  if (!*found || (*found)->state != CaseState::kOpen) return Outcome::kDone;
  const std::string action = step > (*found)->step ? "escalated" : "set again";
  about.step = std::max(about.step, step);
  if (auto done = ledger_.cases().change(about, {now_unix_s, std::string(kAuthor), action, text});
      !done)
    return std::unexpected(done.error());
  spdlog::info("case {}: {}: {}: {}", about.reference.to_string(), ledger::step_name(step),
               cases::describe(subject), text);
  if (action == "escalated") told_(about.reference, action);
  if (step >= Step::kBlock && finding.part.is_whole()) {
    if (auto done = propose_range(about, server, now_unix_s); !done)
      return std::unexpected(done.error());
  }
  return Outcome::kDone;
}

Result<void> Enforcement::propose_range(Case about, const IpAddress& server, uint64_t now_unix_s) {
  if (settings_.range_servers == 0) return {};
  const IpPrefix range = range_of(server);
  const auto there = ledger_.verdict_on({range, Switch::SWITCH_RANGE_EXCLUSION});
  const auto cases = ledger_.cases().list({.only_unclosed = true, .within = range, .limit = 1000});
  if (!there) return std::unexpected(there.error());
  if (!cases) return std::unexpected(cases.error());
  uint32_t blocked = 0;
  for (const Case& other : *cases) {
    if (other.step == Step::kExclude) return {};  // it is proposed already
    if (other.subject.part.empty() && other.step >= Step::kBlock) ++blocked;
  }
  if (*there || blocked < settings_.range_servers) return {};
  about.step = Step::kExclude;
  const std::string text = fmt::format(
      "{} servers of {} are blocked: its exclusion is proposed. To confirm: postern verdict set {} "
      "refuse --switch range-exclusion --case {} --reason TEXT",
      blocked, range.to_string(), range.to_string(), about.reference.to_string());
  if (auto done =
          ledger_.cases().change(about, {now_unix_s, std::string(kAuthor), "proposed", text});
      !done)
    return done;
  told_(about.reference, "proposed");
  return {};
}

Result<void> Enforcement::close_quiet(const std::function<bool(const IpAddress&)>& is_quiet,
                                      uint64_t now_unix_s) {
  const auto cases =
      ledger_.cases().list({.state = CaseState::kOpen, .only_unclosed = true, .limit = 100'000});
  if (!cases) return std::unexpected(cases.error());
  for (Case about : *cases) {
    if (about.step > Step::kHold || about.changed_unix_s + settings_.close_after_s > now_unix_s ||
        !is_quiet(about.subject.server.address))
      continue;
    const auto verdicts = ledger_.verdicts_within(about.subject.server);
    if (!verdicts) return std::unexpected(verdicts.error());
    if (std::ranges::find(*verdicts, about.reference, &Verdict::case_reference) != verdicts->end())
      continue;
    about.state = CaseState::kClosed;
    about.closed_unix_s = now_unix_s;
    if (auto done = ledger_.cases().change(
            about, {now_unix_s, std::string(kAuthor), "closed", "nothing came of it any more"});
        !done)
      return done;
    told_(about.reference, "closed");
  }
  return {};
}

}  // namespace postern::policy
