// A ledger with something to look at: customers, senders that do well and badly, a hostile case,
// verdicts. For the tests of the API and of the console.
#pragma once

#include <fmt/format.h>

#include <array>
#include <string>

#include "control/ledger/ledger.h"

namespace postern::console {

constexpr CaseReference kHostileCase{0x123456789};
constexpr CaseReference kQuietCase{0x23456789a};
// What a spammer would write to get at the abuse desk's browser.
inline constexpr const char* kHostileSubject =
    "<img src=x onerror=\"document.title='owned'\"></td><script>alert(1)</script>";

inline channel::v1::Event seeded_event(const std::string& client, const std::string& outcome,
                                       const std::string& subject, uint64_t unix_s) {
  channel::v1::Event out;
  out.set_kind("message");
  out.set_outcome(outcome);
  out.set_client(client);
  out.set_client_port(40'000);
  out.set_server("198.51.100.25");
  out.set_server_port(25);
  out.set_helo("mail.example.net");
  out.set_mail_from("<script>alert(2)</script>@example.net");
  out.add_recipients("victim@example.org");
  out.set_recipients_count(1);
  out.set_subject(subject);
  out.set_message_bytes(4'211);
  out.set_signature_set("5f1c0ffee5f1c0ffee5f1c0ffee5f1c0");
  out.set_wall_us(unix_s * 1'000'000);
  out.set_content_hash(fmt::format("{:016x}", unix_s));
  if (outcome == "refused_content") {
    out.set_score(12.4);
    for (const char* rule : {"URI_PHISH", "FUZZY_CREDIT", "MISSING_DATE", "SUBJ_ALL_CAPS"})
      out.add_rules(rule);
    out.mutable_origin()->set_user("bob");
    out.mutable_origin()->set_ip("203.0.113.77");
    out.mutable_origin()->set_auth("yes");
    out.mutable_origin()->set_why("Received: (Authenticated sender: bob) from [203.0.113.77]");
    out.set_header_sample(
        "Received: from [203.0.113.77] (<b>bold</b>)\r\nSubject: <svg onload=alert(3)>\r\n");
  }
  return out;
}

// What fails is the test's own mistake: it throws.
inline void seed(ledger::Ledger& ledger, uint64_t now_unix_s) {
  using namespace ledger;
  const auto prefix = [](const char* text) { return IpPrefix::parse(text).value(); };
  const uint64_t example =
      ledger.customers()
          .put({.name = "Example Hosting & <i>Sons</i>",
                .contacts = {{"Anna Example", "anna@example.net"}},
                .prefixes = {prefix("192.0.2.0/26"), prefix("2001:db8:7::/48")},
                .channels = {.email = true, .arf = true},
                .limits = {.messages_per_day = 20'000}},
               "anna", now_unix_s)
          .value();
  ledger.customers()
      .put({.name = "Bakery Müller", .prefixes = {prefix("192.0.2.64/28")}}, "anna", now_unix_s)
      .value();

  uint64_t batch = 0;
  const auto send = [&](const std::string& client, const char* outcome, const std::string& subject,
                        uint64_t unix_s, int times) {
    channel::v1::EventBatch events;
    events.set_boot("boot");
    events.set_batch(++batch);
    for (int i = 0; i < times; ++i) {
      *events.add_events() = seeded_event(client, outcome, subject, unix_s + i);
    }
    if (!ledger.store_events("edge-1", events, unix_s).value())
      throw std::logic_error("stored before");
  };
  constexpr std::array kMail{3, 2, 2, 5, 9, 14, 22, 25, 18, 16, 20, 12};
  for (size_t hour = 0; hour < kMail.size(); ++hour) {
    const uint64_t then = now_unix_s - (kMail.size() - hour) * 3600;
    send("192.0.2.7", "forwarded", "Your order", then, kMail[hour]);
    send("192.0.2.70", "forwarded", "Bread", then, 1 + kMail[hour] / 4);
    send("2001:db8:7::25", "forwarded", "Newsletter", then, 2 * kMail[hour]);
    if (hour >= 8)
      send("192.0.2.7", "refused_content", kHostileSubject, then + 60, 4 * kMail[hour]);
  }
  send("192.0.2.7", "deferred_hold", kHostileSubject, now_unix_s - 900, 12);
  send("192.0.2.7", "refused_content", kHostileSubject, now_unix_s - 600, 3);  // not quiet yet

  const auto set = [&](const char* on, Switch of, Treatment treatment, CaseReference about,
                       const char* reason, const char* part = "") {
    const Change change{Action::kSet,
                        {.prefix = prefix(on),
                         .treatment = treatment,
                         .case_reference = about,
                         .reason = reason,
                         .author = "policy",
                         .set_unix_s = now_unix_s - 1800,
                         .of = of,
                         .part = *part == 0 ? Part() : Part::parse(part).value()}};
    ledger.apply({&change, 1}).value();
  };
  using namespace channel::v1;
  set("192.0.2.7", SWITCH_SMORF_BLOCK, TREATMENT_HOLD, kHostileCase,
      "214 different spam messages within an hour");
  set("192.0.2.7", SWITCH_SMORF_BLOCK, TREATMENT_REFUSE, kHostileCase,
      "the spam comes from one user", "user:bob");
  set("198.51.100.0/24", SWITCH_RANGE_EXCLUSION, TREATMENT_REFUSE, {}, "listed: SBL256894");
  set("192.0.2.0/24", SWITCH_TRUSTED_RELAY, TREATMENT_PASS, {}, "customers' range");

  const auto open = [&](CaseReference reference, const char* server, uint64_t customer,
                        CaseState state, Step step, const char* cause) {
    ledger.cases()
        .open({.reference = reference,
               .customer = customer,
               .subject = {prefix(server), ""},
               .state = state,
               .step = step,
               .cause = cause,
               .diagnosis =
                   R"({"kind":"stolen password","findings":[{"kind":"stolen password",)"
                   R"("confidence":"high","text":"The password of user bob is stolen: spam is )"
                   R"(sent in its name from 4 countries.","grounds":["4 countries in an hour"],)"
                   R"("lines":["<b>Authenticated sender: bob</b>","203.0.113.77"]}],)"
                   R"("advice":["Change the password of bob, and end its sessions."],)"
                   R"("probe":null})",
               .opened_unix_s = now_unix_s - 5400,
               .changed_unix_s = now_unix_s - 1800},
              {now_unix_s - 5400, "policy", "opened", cause})
        .value();
  };
  open(kHostileCase, "192.0.2.7", example, CaseState::kOpen, Step::kBlock,
       "214 different spam messages within an hour: <script>alert(4)</script>");
  open(kQuietCase, "192.0.2.70", 0, CaseState::kProbation, Step::kThrottle,
       "an open relay was found, and closed");
  ledger.cases()
      .add_entry(kHostileCase, {now_unix_s - 1800, "anna", "note", "called them; <u>they know</u>"})
      .value();
  for (int i = 0; i < 6; ++i) {
    ledger.cases()
        .add_evidence({.reference = kHostileCase,
                       .why = "spam",
                       .event = seeded_event("192.0.2.7", "refused_content", kHostileSubject,
                                             now_unix_s - 3000 + i)},
                      50)
        .value();
  }
  ledger.feeds()
      .follow({.name = "drop",
               .format = "drop-json",
               .path = "/var/lib/postern/drop.json",
               .treatment = "refuse"},
              "anna", now_unix_s)
      .value();
}

}  // namespace postern::console
