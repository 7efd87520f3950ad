#include "control/notify/case_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/time_text.h"
#include "control/channel/treatment.h"
#include "control/notify/happenings.h"
#include "control/notify/mail_text.h"
#include "control/notify/redaction.h"

namespace postern::notify {
namespace {

using channel::v1::Event;
using ledger::Switch;
using ledger::Treatment;

constexpr size_t kMostLines = 40, kMostFindings = 5, kMostFindingLines = 8;

void add_line(std::string& text, std::string_view line) {
  text += fmt::format("{}{}", text.empty() ? "" : "\n", line);
}

std::string counted(uint64_t number, std::string_view what) {
  return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

// Of what the history has besides kHappenings, the customer's business.
bool is_for_customers(const ledger::CaseEntry& entry) {
  const HappeningKind* kind = find_happening(entry.action);
  return (kind != nullptr && kind->to_customer) || entry.action == "quota raised";
}

std::string_view effect(Treatment treatment) {
  switch (treatment) {
    case channel::v1::TREATMENT_PASS:
      return "passes unread";
    case channel::v1::TREATMENT_INSPECT:
      return "is inspected";
    case channel::v1::TREATMENT_THROTTLE:
      return "is throttled";
    case channel::v1::TREATMENT_HOLD:
      return "is deferred (451) and waits in the sender's own queue";
    case channel::v1::TREATMENT_REFUSE:
      return "is refused (550)";
    case channel::v1::TREATMENT_DROP:
      return "is not even begun: connections are not opened";
    default:
      return "is treated as usual";
  }
}

}  // namespace

std::string time_text(uint64_t unix_s) {
  constexpr uint64_t kLast = 253'402'300'799;  // of the year 9999
  const std::string time = utc_time(std::min(unix_s, kLast));  // 2023-11-14T22:13:20Z
  return fmt::format("{} {} UTC", time.substr(0, 10), time.substr(11, 5));
}

std::vector<ledger::CaseEntry> news(const CaseFacts& facts, ledger::Audience audience,
                                    uint32_t entries_told) {
  std::vector<ledger::CaseEntry> out;
  for (size_t i = entries_told; i < facts.history.size(); ++i) {
    const ledger::CaseEntry& entry = facts.history[i];
    if (entry.action == "notified" || entry.action == "not delivered") continue;
    if (audience == ledger::Audience::kCustomer && !is_for_customers(entry)) continue;
    out.push_back(entry);
  }
  return out;
}

std::string news_text(std::span<const ledger::CaseEntry> entries) {
  std::string out;
  if (entries.size() > kMostLines) {
    add_line(out, fmt::format("  (and {} things before)", entries.size() - kMostLines));
    entries = entries.last(kMostLines);
  }
  for (const ledger::CaseEntry& entry : entries) {
    add_line(out,
             fmt::format("  {}  {}{}{}", time_text(entry.at_unix_s), one_line(entry.action, 40),
                         entry.text.empty() ? "" : ": ", one_line(entry.text, 300)));
  }
  return out;
}

std::string messages_text(const MessageCounts& counts) {
  std::string out;
  const std::string_view least = counts.all ? "" : "At least ";
  if (counts.spam > 0) {
    add_line(out,
             fmt::format("{}{} of spam ({} different) to {} {} refused,\nbetween {} and {}.", least,
                         counted(counts.spam, "message"), counts.unique_spam,
                         counted(counts.recipients, "recipient"), counts.spam == 1 ? "was" : "were",
                         time_text(counts.first_unix_s), time_text(counts.last_unix_s)));
  }
  if (counts.blocked > 0) {
    add_line(out, fmt::format("{}{} {} refused unread, because of the block.", least,
                              counted(counts.blocked, "further attempt"),
                              counts.blocked == 1 ? "was" : "were"));
  }
  return out;
}

std::string rules_text(const MessageCounts& counts) {
  std::string out;
  for (const auto& [rule, hits] : counts.rules)
    add_line(out, fmt::format("  {:<32} {}", one_line(rule, 60), counted(hits, "message")));
  return out;
}

std::string sample_text(const CaseFacts& facts, bool redact_recipients) {
  if (!facts.sample) return {};
  const Event& event = *facts.sample;
  std::string out;
  const auto line = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) add_line(out, fmt::format("  {:<12} {}", name, one_line(value, 200)));
  };
  line("time", time_text(event.wall_us() / 1'000'000));
  line("sender", event.null_sender() ? "<>" : event.mail_from());
  std::string to = counted(event.recipients_count(), "recipient");
  if (event.recipients_size() > 0) {
    const std::string& first = event.recipients(0);
    to += fmt::format(": {}{}", redact_recipients ? redacted_address(first) : first,
                      event.recipients_count() > 1 ? " and others" : "");
  }
  line("to", to);
  line("subject", event.subject());
  line("logged in as", !event.auth_user().empty() ? event.auth_user() : event.origin().user());
  line("handed in by", event.origin().ip());
  line("script", event.origin().script());
  std::string rules;
  for (const std::string& rule : event.rules())
    rules += fmt::format("{}{}", rules.empty() ? "" : ", ", rule);
  line("rules", rules);
  return out;
}

std::string diagnosis_text(const CaseFacts& facts) {
  std::string out;
  for (size_t i = 0; i < std::min(facts.findings.size(), kMostFindings); ++i) {
    const Finding& finding = facts.findings[i];
    const std::string& what = finding.text.empty() ? finding.kind : finding.text;
    add_line(out,
             fmt::format("  {}{}", one_line(what, 400),
                         finding.confidence.empty()
                             ? ""
                             : fmt::format(" (confidence: {})", one_line(finding.confidence, 20))));
    for (size_t n = 0; n < std::min(finding.lines.size(), kMostFindingLines); ++n)
      add_line(out, fmt::format("    > {}", one_line(finding.lines[n], 300)));
  }
  return out;
}

std::string restriction_text(const ledger::Verdict& verdict, const ledger::Subject& subject) {
  std::string whose = "all mail";
  if (verdict.part.kind() == SenderPart::Kind::kUser)
    whose = fmt::format("mail of {}", one_line(verdict.part.user_name(), 80));
  if (verdict.part.kind() == SenderPart::Kind::kFrom)
    whose = fmt::format("what {} hands in", verdict.part.prefix().to_string());
  if (verdict.prefix != subject.server) whose += fmt::format(" of {}", verdict.prefix.to_string());
  std::string out = fmt::format("{} {}", whose, effect(verdict.treatment));
  if (verdict.treatment == channel::v1::TREATMENT_THROTTLE)
    out += fmt::format(": {} a minute", counted(verdict.messages_per_minute, "message"));
  if (verdict.expires_unix_s != 0)
    out += fmt::format(", until {}", time_text(verdict.expires_unix_s));
  return out;
}

std::string blocked_text(const CaseFacts& facts) {
  struct Row {
    Switch of;
    std::string_view name;
  };
  constexpr std::array<Row, 4> kRows{{{channel::v1::SWITCH_TRUSTED_RELAY, "Trusted relay"},
                                      {channel::v1::SWITCH_SMORF_BLOCK, "SMORF block"},
                                      {channel::v1::SWITCH_RANGE_EXCLUSION, "Range exclusion"},
                                      {channel::v1::SWITCH_TREATMENT, "Rate and hold"}}};
  std::string out;
  for (const Row& row : kRows) {
    size_t found = 0;
    for (const ledger::Verdict& verdict : facts.verdicts) {
      if (verdict.of != row.of || ++found > kMostLines) continue;
      add_line(out, fmt::format("  {:<16} {}", row.name,
                                restriction_text(verdict, facts.about.subject)));
    }
    if (found == 0) add_line(out, fmt::format("  {:<16} nothing by this case", row.name));
    if (found > kMostLines) add_line(out, fmt::format("  {:<16} and more", row.name));
  }
  return out;
}

std::string advice_text(const CaseFacts& facts) {
  std::vector<std::string> advice = facts.advice;
  if (advice.empty()) {
    const std::string& part = facts.about.subject.part;
    if (part.starts_with("user:")) {
      advice.push_back(fmt::format("Change the password of the account {}, and end its sessions.",
                                   part.substr(5)));
      advice.emplace_back("Find out where the password was lost: the account's own devices, too.");
    } else if (part.starts_with("from:")) {
      advice.push_back(
          fmt::format("Find the machine or program at {} that hands the messages in, and stop it.",
                      part.substr(5)));
    } else {
      advice.emplace_back(
          "Look into the server's log for who hands the messages in: an account with a stolen "
          "password, a machine inside, a web script, or anybody (an open relay).");
      advice.emplace_back("Close that hole.");
    }
    advice.emplace_back("Take the spam out of the server's queue.");
    advice.emplace_back("Then ask for restoration, on the case's page.");
  }
  std::string out;
  for (size_t i = 0; i < std::min(advice.size(), kMostLines); ++i)
    add_line(out, fmt::format("  {}. {}", i + 1, one_line(advice[i], 400)));
  return out;
}

}  // namespace postern::notify
