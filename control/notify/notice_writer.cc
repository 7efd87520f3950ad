#include "control/notify/notice_writer.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>

#include "base/time_text.h"
#include "control/cases/subject.h"
#include "control/channel/treatment.h"
#include "control/notify/case_text.h"
#include "control/notify/happenings.h"
#include "control/notify/mail_text.h"
#include "control/notify/reports.h"
#include "control/transfer/url.h"

namespace postern::notify {
namespace {

using ledger::Audience;
using ledger::OutboxMessage;
using nlohmann::ordered_json;

// A server's own bound on a header is far below; this bounds what one letter can become.
constexpr size_t kMostSample = 64 << 10;

std::string random_text() {
  unsigned char octets[8];
  randombytes_buf(octets, sizeof octets);
  std::string out;
  for (const unsigned char octet : octets) out += fmt::format("{:02x}", octet);
  return out;
}

std::string written(const ordered_json& value) {
  return value.dump(2, ' ', false, ordered_json::error_handler_t::replace);
}

// Which text tells it: the opening, else the last.
std::string_view lead_of(std::span<const std::string> what) {
  if (std::ranges::find(what, "opened") != what.end()) return "opened";
  return what.empty() ? "closed" : std::string_view(what.back());
}

std::string joined(std::span<const std::string> what) {
  std::string out;
  const std::string* before = nullptr;
  for (const std::string& one : what) {
    if (before == nullptr || *before != one)
      out += fmt::format("{}{}", out.empty() ? "" : ", ", one);
    before = &one;
  }
  return out;
}

}  // namespace

struct NoticeWriter::Notice {
  const CaseFacts& facts;
  Audience audience;
  std::span<const std::string> what;
  std::vector<ledger::CaseEntry> news;
  uint64_t now_unix_s;
  bool is_report;  // machines are told, too
  Reported reported;
  std::string url;
};

NoticeWriter::NoticeWriter(const Settings& settings,
                           std::function<std::string(CaseReference)> case_url)
    : settings_(settings), case_url_(std::move(case_url)) {}

std::vector<OutboxMessage> NoticeWriter::write(const CaseFacts& facts, Audience audience,
                                               std::span<const std::string> what,
                                               uint32_t entries_told, uint64_t now_unix_s) const {
  const bool to_customer = audience == Audience::kCustomer;
  if (to_customer && (!facts.customer || !settings_.tell_customers)) return {};
  const CaseReference reference = facts.about.reference;
  Notice notice{.facts = facts,
                .audience = audience,
                .what = what,
                .news = news(facts, audience, entries_told),
                .now_unix_s = now_unix_s,
                .is_report = std::ranges::any_of(what,
                                                 [](const std::string& one) {
                                                   const HappeningKind* kind = find_happening(one);
                                                   return kind != nullptr && kind->is_report;
                                                 }),
                .url = case_url_ ? case_url_(reference) : ""};
  if (notice.news.empty()) {
    // The history does not have it yet, or not for these eyes.
    for (const std::string& one : what) {
      const HappeningKind* kind = find_happening(one);
      notice.news.push_back({.at_unix_s = now_unix_s,
                             .action = one,
                             .text = std::string(kind == nullptr ? "" : kind->text)});
    }
  }
  if (facts.sample) {
    notice.reported.event = *facts.sample;
    std::string* sample = notice.reported.event.mutable_header_sample();
    if (sample->size() > kMostSample) sample->resize(sample->rfind('\n', kMostSample) + 1);
  }
  notice.reported.incidents = facts.counts.spam;
  if (!facts.findings.empty()) notice.reported.confidence = facts.findings[0].probability;
  notice.reported.redact_recipients = settings_.redact_recipients;

  const OutboxMessage pattern{
      .reference = reference,
      .audience = audience,
      .customer = facts.customer ? facts.customer->id : 0,
      .what = joined(what),
      .entries_told = static_cast<uint32_t>(facts.history.size()),
      .created_unix_s = now_unix_s,
  };
  std::vector<OutboxMessage> out;
  const auto add_letter = [&](const std::string& name, const std::string& address) {
    Letter to_one = letter(notice, name, address);
    OutboxMessage message = pattern;
    message.to = address;
    message.identity = to_one.message_id;
    message.message = compose(to_one);
    out.push_back(std::move(message));
  };
  if (!to_customer) {
    for (const std::string& address : settings_.operators) add_letter("", address);
    return out;
  }
  const ledger::NotificationChannels& channels = facts.customer->channels;
  if (channels.email) {
    for (const ledger::Contact& contact : facts.customer->contacts) {
      if (contact.email.empty()) continue;
      if (is_mail_address(contact.email)) {
        add_letter(contact.name, contact.email);
        continue;
      }
      // Given up at once, and so told to those who look at the case.
      OutboxMessage message = pattern;
      message.to = one_line(contact.email);
      message.identity =
          fmt::format("{}.{}@{}", reference.to_string(), random_text(), settings_.host);
      out.push_back(std::move(message));
    }
  }
  if (!channels.webhook_url.empty()) {
    OutboxMessage message = pattern;
    message.channel = ledger::OutboxChannel::kWebhook;
    message.to = channels.webhook_url;
    message.identity = "msg_" + random_text() + random_text();
    message.message = summary(notice).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    out.push_back(std::move(message));
  }
  return out;
}

Letter NoticeWriter::letter(const Notice& notice, const std::string& name,
                            const std::string& address) const {
  const CaseFacts& facts = notice.facts;
  const std::string reference = facts.about.reference.to_string();
  const bool to_customer = notice.audience == Audience::kCustomer;
  const std::string language = to_customer ? facts.customer->language : "en";
  const uint64_t since =
      facts.counts.first_unix_s != 0 ? facts.counts.first_unix_s : facts.about.opened_unix_s;
  const Values values{
      {"case", reference},
      {"subject", one_line(cases::describe(facts.about.subject), 120)},
      {"server", facts.about.subject.server.to_string()},
      {"customer", facts.customer ? one_line(facts.customer->name, 100) : ""},
      {"contact", one_line(name, 100)},
      {"cause", one_line(facts.about.cause, 400)},
      {"since", time_text(since)},
      {"opened", time_text(facts.about.opened_unix_s)},
      {"state", std::string(ledger::kCaseStateNames[static_cast<size_t>(facts.about.state)])},
      {"happened", news_text(notice.news)},
      {"messages", messages_text(facts.counts)},
      {"rules", rules_text(facts.counts)},
      {"sample", sample_text(facts, settings_.redact_recipients)},
      {"diagnosis", diagnosis_text(facts)},
      {"blocked", blocked_text(facts)},
      {"advice", advice_text(facts)},
      {"url", one_line(notice.url, 1000)},
      {"organisation", one_line(settings_.organisation, 100)},
      {"reply_to", settings_.contact},
  };
  const Template& words = settings_.templates.find(lead_of(notice.what), language);
  FilledTemplate text = fill(words, values);
  if (!to_customer) {
    text.body += facts.customer ? fmt::format("\nThe address is {}'s.\n", values.at("customer"))
                                : std::string("\nThe address is registered to nobody.\n");
  }
  Letter out{.from_name = settings_.organisation,
             .from = settings_.from,
             .to_name = name,
             .to = address,
             .reply_to = settings_.contact,
             .subject = std::move(text.subject),
             .date_unix_s = notice.now_unix_s,
             .message_id = fmt::format("{}.{}@{}", reference, random_text(), settings_.host),
             .thread_id = fmt::format("case.{}@{}", reference, settings_.host),
             .language = words.language,
             .more_fields = {{"X-Postern-Case", reference}},
             .text = std::move(text.body)};
  const Reporter reporter{settings_.organisation,
                          settings_.contact.empty() ? settings_.from : settings_.contact,
                          settings_.host};
  if (notice.is_report && facts.sample && (!to_customer || facts.customer->channels.arf))
    out.report = feedback_report(notice.reported, reporter);
  if (notice.is_report && facts.sample && to_customer && facts.customer->channels.xarf) {
    if (const auto report = xarf(notice.reported, reporter, new_uuid(), notice.now_unix_s))
      out.attachments.push_back({"application/json", "xarf.json", written(*report)});
  }
  return out;
}

ordered_json NoticeWriter::summary(const Notice& notice) const {
  const CaseFacts& facts = notice.facts;
  const ledger::Case& about = facts.about;
  ordered_json happened = ordered_json::array(), rules = ordered_json::array(),
               restrictions = ordered_json::array(), findings = ordered_json::array();
  constexpr size_t kMost = 50;
  const size_t left_out = notice.news.size() - std::min(notice.news.size(), kMost);
  for (const ledger::CaseEntry& entry : std::span(notice.news).subspan(left_out)) {
    happened.push_back({{"at", utc_time(entry.at_unix_s)},
                        {"what", one_line(entry.action, 40)},
                        {"text", one_line(entry.text, 500)}});
  }
  for (const auto& [rule, hits] : facts.counts.rules)
    rules.push_back({{"rule", one_line(rule, 100)}, {"messages", hits}});
  for (const ledger::Verdict& verdict : facts.verdicts) {
    if (restrictions.size() == kMost) break;
    restrictions.push_back({{"switch", channel::switch_name(verdict.of)},
                            {"prefix", verdict.prefix.to_string()},
                            {"part", one_line(verdict.part.to_string(), 100)},
                            {"treatment", channel::treatment_name(verdict.treatment)},
                            {"text", restriction_text(verdict, about.subject)}});
  }
  for (const Finding& finding : facts.findings) {
    if (findings.size() == 10) break;
    findings.push_back({{"kind", one_line(finding.kind, 100)},
                        {"confidence", one_line(finding.confidence, 20)},
                        {"text", one_line(finding.text, 500)}});
  }
  ordered_json data{{"case", about.reference.to_string()},
                    {"url", notice.url},
                    {"customer", one_line(facts.customer->name, 100)},
                    {"subject", one_line(cases::describe(about.subject), 120)},
                    {"server", about.subject.server.to_string()},
                    {"part", one_line(about.subject.part, 100)},
                    {"state", ledger::kCaseStateNames[static_cast<size_t>(about.state)]},
                    {"step", ledger::step_name(about.step)},
                    {"cause", one_line(about.cause, 500)},
                    {"opened", utc_time(about.opened_unix_s)},
                    {"happened", happened},
                    {"messages",
                     {{"spam", facts.counts.spam},
                      {"different", facts.counts.unique_spam},
                      {"recipients", facts.counts.recipients},
                      {"refused_unread", facts.counts.blocked}}},
                    {"rules", rules},
                    {"findings", findings},
                    {"restrictions", restrictions}};
  if (notice.is_report && facts.sample && facts.customer->channels.xarf) {
    const Reporter reporter{settings_.organisation,
                            settings_.contact.empty() ? settings_.from : settings_.contact,
                            settings_.host};
    if (auto report = xarf(notice.reported, reporter, new_uuid(), notice.now_unix_s))
      data["xarf"] = std::move(*report);
  }
  // The form that standardwebhooks.com describes.
  return {{"type", fmt::format("case.{}", lead_of(notice.what))},
          {"timestamp", utc_time(notice.now_unix_s)},
          {"data", std::move(data)}};
}

OutboxMessage NoticeWriter::test(const std::string& to, uint64_t now_unix_s) const {
  OutboxMessage out{.to = to, .what = "test", .created_unix_s = now_unix_s};
  if (transfer::read_url(to)) {
    out.channel = ledger::OutboxChannel::kWebhook;
    out.identity = "msg_" + random_text() + random_text();
    out.message = ordered_json{{"type", "test"},
                               {"timestamp", utc_time(now_unix_s)},
                               {"data", {{"from", settings_.organisation}}}}
                      .dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    return out;
  }
  const Letter letter{
      .from_name = settings_.organisation,
      .from = settings_.from,
      .to = to,
      .reply_to = settings_.contact,
      .subject = "A test of Postern's notices",
      .date_unix_s = now_unix_s,
      .message_id = fmt::format("test.{}@{}", random_text(), settings_.host),
      .language = "en",
      .text =
          fmt::format("This letter was asked for to see whether notices arrive. They do.\n\n{}\n",
                      one_line(settings_.organisation, 100))};
  out.identity = letter.message_id;
  out.message = compose(letter);
  return out;
}

}  // namespace postern::notify
