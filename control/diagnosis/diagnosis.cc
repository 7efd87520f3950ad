#include "control/diagnosis/diagnosis.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <unordered_set>

#include "base/plain_text.h"
#include "base/time_text.h"
#include "control/cases/marks.h"
#include "control/cases/subject.h"
#include "control/diagnosis/rules.h"

namespace postern::diagnosis {
namespace {

using channel::v1::Event;
using ledger::Result;

constexpr uint64_t kDay_s = 86'400;
constexpr uint32_t kMostEvents = 5'000;  // that are read of the sender, and of all others
constexpr uint32_t kMostCases = 100;     // of one server
constexpr uint32_t kProvenScore = 100, kRuledOutScore = 10;
constexpr size_t kPointCharacters = 300;

uint64_t unix_s(const Event& event) { return event.wall_us() / 1'000'000; }

// Connections are one client's, and no two events of one are at the same microsecond.
std::string identity(const Event& event) {
  return fmt::format("{} {} {} {}", event.wall_us(), event.client(), event.client_port(),
                     event.content_hash());
}

// Each event once, oldest first.
std::vector<Event> in_order(std::vector<Event> events) {
  std::ranges::stable_sort(events, {}, [](const Event& event) { return event.wall_us(); });
  std::unordered_set<std::string> seen;
  std::erase_if(events, [&](const Event& event) { return !seen.insert(identity(event)).second; });
  return events;
}

Result<OwnNetwork> own_network(ledger::Ledger& ledger, const ledger::Case& about) {
  OwnNetwork own{{about.subject.server}};
  const auto customer = about.customer != 0
                            ? ledger.customers().find(about.customer)
                            : ledger.customers().owner_of(about.subject.server.address);
  if (!customer) return std::unexpected(customer.error());
  if (*customer) {
    own.prefixes.insert(own.prefixes.end(), (*customer)->prefixes.begin(),
                        (*customer)->prefixes.end());
  }
  return own;
}

Result<Material> gather(ledger::Ledger& ledger, const ledger::Case& about, uint64_t now_unix_s) {
  Material out{.subject = about.subject};
  auto own = own_network(ledger, about);
  if (!own) return std::unexpected(own.error());
  out.own = std::move(*own);
  const uint64_t since = about.opened_unix_s > kDay_s ? about.opened_unix_s - kDay_s : 0;
  const auto counts = [&](const Event& event) {
    return unix_s(event) >= since && unix_s(event) <= now_unix_s;
  };

  // What a part of the server's mail did that has a case of its own is diagnosed there.
  const auto unclosed = ledger.cases().list(
      {.only_unclosed = true, .within = about.subject.server, .limit = kMostCases});
  if (!unclosed) return std::unexpected(unclosed.error());
  const auto evidence = ledger.cases().evidence(about.reference);
  if (!evidence) return std::unexpected(evidence.error());
  std::set<std::string> kept_as_spam;
  std::vector<Event> all;
  for (const ledger::Evidence& kept : *evidence) {
    if (kept.why.find("spam") != kept.why.npos) kept_as_spam.insert(identity(kept.event));
    all.push_back(kept.event);
  }
  auto recent = ledger.events({.client = about.subject.server, .limit = kMostEvents});
  if (!recent) return std::unexpected(recent.error());
  for (Event& event : *recent) {
    if (counts(event)) all.push_back(std::move(event));
  }
  std::unordered_set<std::string> fingerprints;
  for (Event& event : in_order(std::move(all))) {
    const bool is_spam = cases::is_spam(event) || kept_as_spam.contains(identity(event));
    if (cases::is_of_another_case(about.subject, *unclosed, event)) continue;
    if (is_spam && cases::concerns(about.subject, event)) {
      if (event.content_hash().empty() || fingerprints.insert(event.content_hash()).second)
        out.spam.push_back(std::move(event));
    } else if (!is_spam) {
      out.others.push_back(std::move(event));
    }
  }

  // Of what others tried there, the gate tells as well, where it stands between.
  auto everybody = ledger.events({.limit = kMostEvents});
  if (!everybody) return std::unexpected(everybody.error());
  for (Event& event : *everybody) {
    const auto server = IpAddress::parse(event.server());
    if (counts(event) && server && about.subject.server.contains(*server))
      out.towards.push_back(std::move(event));
  }
  out.towards = in_order(std::move(out.towards));
  return out;
}

Finding unknown(const Material& material) {
  Finding out{.kind = Kind::kUnknown};
  out.text = material.spam.empty()
                 ? "Nothing that was kept of this sender's mail is spam: nothing can be said of "
                   "where it comes from."
                 : fmt::format(
                       "What is known of the {} spam messages does not tell how they came "
                       "into the server.",
                       material.spam.size());
  out.probe = "A probe shows whether the server is an open relay.";
  return out;
}

void put_in_order(Diagnosis& diagnosis) {
  std::ranges::stable_sort(diagnosis.findings, std::greater(), &Finding::score);
  diagnosis.advice = advice_for(diagnosis);
}

// The one on record, when it says something about this case's time.
std::optional<RelayProbe> probe_of(const ledger::Case& about) {
  const auto record = cases::read_record(about.marks);
  if (!record.relay || record.relay->at_unix_s < about.opened_unix_s) return {};
  return RelayProbe{record.relay->at_unix_s,
                    record.relay->open ? RelayState::kOpen : RelayState::kClosed,
                    record.relay->text};
}

}  // namespace

std::string describe(const Line& line) {
  std::string out = fmt::format("{} {}", utc_time(line.at_unix_s), line.client);
  if (!line.user.empty()) out += fmt::format(", {}", line.user);
  if (!line.from.empty()) out += fmt::format(", from {}", line.from);
  if (!line.what.empty()) out += fmt::format(": {}", line.what);
  if (!line.why.empty()) out += fmt::format(" | {}", line.why);
  if (!line.header.empty()) out += fmt::format(" | {}", line.header);
  return out;
}

Diagnosis confirm(Diagnosis diagnosis, const RelayProbe& probe) {
  diagnosis.probe =
      RelayProbe{probe.at_unix_s, probe.state, plain_text(probe.text, kPointCharacters)};
  auto found = std::ranges::find(diagnosis.findings, Kind::kOpenRelay, &Finding::kind);
  const std::string when = utc_time(probe.at_unix_s);
  if (probe.state == RelayState::kOpen) {
    if (found == diagnosis.findings.end()) {
      diagnosis.findings.push_back({.kind = Kind::kOpenRelay});
      found = diagnosis.findings.end() - 1;
    }
    found->score = kProvenScore;
    found->confidence = Confidence::kHigh;
    found->text = fmt::format(
        "The server is an open relay: a probe at {} was allowed to send from outside to outside.",
        when);
    found->grounds.push_back(fmt::format("a probe proved it: {} points", kProvenScore));
    found->probe.clear();
  } else if (probe.state == RelayState::kClosed && found != diagnosis.findings.end()) {
    found->score = std::min(found->score, kRuledOutScore);
    found->confidence = Confidence::kLow;
    found->text = fmt::format(
        "The server took spam from outside without a login, but a probe at {} was refused: it has "
        "been closed since, or it forwards mail for its users.",
        when);
    found->grounds.push_back(fmt::format("a probe was refused: {} points at most", kRuledOutScore));
    found->probe.clear();
  }
  put_in_order(diagnosis);
  return diagnosis;
}

Result<Diagnosis> diagnose(ledger::Ledger& ledger, const ledger::Case& about, uint64_t now_unix_s) {
  const auto material = gather(ledger, about, now_unix_s);
  if (!material) return std::unexpected(material.error());
  Diagnosis out{.made_unix_s = now_unix_s,
                .spam_messages = static_cast<uint32_t>(material->spam.size()),
                .findings = find(*material)};
  if (out.findings.empty()) out.findings.push_back(unknown(*material));
  put_in_order(out);
  if (const auto probe = probe_of(about)) out = confirm(std::move(out), *probe);
  return out;
}

std::string summary(const Diagnosis& diagnosis) {
  if (diagnosis.findings.empty()) return "nothing was found";
  const Finding& first = diagnosis.findings.front();
  return fmt::format("{} ({} confidence)", first.text,
                     kConfidenceNames[static_cast<size_t>(first.confidence)]);
}

}  // namespace postern::diagnosis
