// Commands about customers, senders and cases.
#include <gmock/gmock.h>

#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "control/cli/commands_fixture.h"

namespace postern::cli {
namespace {

using ledger::CaseState;
using ledger::Switch;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

uint64_t now() { return static_cast<uint64_t>(std::time(nullptr)); }

class CaseCommandsTest : public CommandsTest {
 protected:
  static constexpr CaseReference kCase{0x7f3a};
  const std::string reference_ = kCase.to_string();

  // A server that was blocked an hour ago; nothing was seen of it since.
  void open_case() {
    const IpPrefix server = *IpPrefix::parse("192.0.2.7");
    ASSERT_TRUE(ledger_->cases()
                    .open({.reference = kCase,
                           .subject = {server, ""},
                           .step = ledger::Step::kBlock,
                           .cause = "12 different spam messages in 10 minutes",
                           .opened_unix_s = now() - 3600},
                          {now() - 3600, "policy", "opened", "12 in 10 minutes"})
                    .has_value());
    const ledger::Change changes[] = {{ledger::Action::kSet,
                                       {.prefix = server,
                                        .treatment = channel::v1::TREATMENT_PASS,
                                        .reason = "contract",
                                        .author = "anna",
                                        .of = Switch::SWITCH_TRUSTED_RELAY}},
                                      {ledger::Action::kSet,
                                       {.prefix = server,
                                        .treatment = channel::v1::TREATMENT_REFUSE,
                                        .case_reference = kCase,
                                        .reason = "spam",
                                        .author = "policy",
                                        .of = Switch::SWITCH_SMORF_BLOCK}},
                                      {ledger::Action::kSet,
                                       {.prefix = server,
                                        .treatment = channel::v1::TREATMENT_REFUSE,
                                        .case_reference = kCase,
                                        .reason = "spam",
                                        .author = "policy",
                                        .of = Switch::SWITCH_TRUSTED_RELAY}}};
    for (const ledger::Change& change : changes)
      ASSERT_TRUE(ledger_->apply({&change, 1}).has_value());
  }
  ledger::Case the_case() { return **ledger_->cases().find(kCase); }
  channel::v1::Event spam(uint64_t at) {
    channel::v1::Event event;
    event.set_kind("message");
    event.set_outcome("refused_content");
    event.set_wall_us(at * 1'000'000);
    event.set_client("192.0.2.7");
    event.set_content_hash("00112233aabbccdd");
    event.set_subject("cheap\x1b[2J");
    return event;
  }
  void store(const channel::v1::Event& event) {
    channel::v1::EventBatch batch;
    batch.set_batch(++batch_);
    batch.set_boot("b");
    *batch.add_events() = event;
    ASSERT_TRUE(ledger_->store_events("edge-1", batch, now()).has_value());
  }
  uint64_t batch_ = 0;
};

TEST_F(CaseCommandsTest, ACustomerIsAddedChangedShownAndRemoved) {
  const std::string secret = directory_ / "secret";
  std::ofstream(secret) << "hush\nsecond line\n";
  const Outcome added =
      run({"customer", "add", "Example Ltd", "--prefix", "192.0.2.0/24", "--contact",
           "Anna Example <anna@example.net>", "--webhook", "https://example.net/in",
           "--webhook-secret-file", secret, "--messages-per-day", "5000"});
  EXPECT_EQ(added.code, 0) << added.err;
  EXPECT_THAT(added.out, AllOf(HasSubstr("Example Ltd"), HasSubstr("192.0.2.0/24"),
                               HasSubstr("Anna Example <anna@example.net>"), HasSubstr("(signed)"),
                               HasSubstr("5000 messages a day"), Not(HasSubstr("hush"))));
  const Outcome changed =
      run({"customer", "change", "Example Ltd", "--add-prefix", "198.51.100.7", "--drop-prefix",
           "192.0.2.0/24", "--add-contact", "noc@example.net"});
  EXPECT_EQ(changed.code, 0) << changed.err;
  const auto kept = ledger_->customers().named("Example Ltd");
  ASSERT_TRUE(kept.has_value() && kept->has_value());
  EXPECT_EQ((*kept)->channels.webhook_secret, "hush");  // not named, so it stays
  ASSERT_EQ((*kept)->prefixes.size(), 1u);
  EXPECT_EQ((*kept)->prefixes[0].to_string(), "198.51.100.7");
  EXPECT_EQ((*kept)->contacts.size(), 2u);
  EXPECT_EQ((*kept)->limits.messages_per_day, 5000u);

  const json shown = json::parse(run({"customer", "show", "198.51.100.7", "--json"}).out);
  EXPECT_EQ(shown["name"], "Example Ltd");
  EXPECT_EQ(shown["contacts"][0]["email"], "anna@example.net");
  EXPECT_EQ(shown["channels"]["webhook_signed"], true);
  EXPECT_THAT(shown.dump(), Not(HasSubstr("hush")));
  EXPECT_THAT(run({"customer", "list"}).out, HasSubstr("Anna Example <anna@example.net> +1"));
  const Outcome audit = run({"audit", "--about", "Example Ltd"});
  EXPECT_EQ(audit.code, 0) << audit.err;
  EXPECT_THAT(audit.out,
              AllOf(HasSubstr("anna"), HasSubstr("customer changed"), Not(HasSubstr("hush"))));
  const Outcome removed = run({"customer", "remove", "Example Ltd"});
  EXPECT_EQ(removed.code, 0) << removed.err;
  EXPECT_EQ(run({"customer", "list"}).code, 1);
  EXPECT_EQ(run({"customer", "show", "198.51.100.7"}).code, 1);
}

TEST_F(CaseCommandsTest, WhatIsWrongAboutACustomerIsSaid) {
  ASSERT_EQ(run({"customer", "add", "One", "--prefix", "192.0.2.0/24"}).code, 0);
  const Outcome taken = run({"customer", "add", "Two", "--prefix", "192.0.2.0/24"});
  EXPECT_EQ(taken.code, 2);
  EXPECT_THAT(taken.err, HasSubstr("One"));
  EXPECT_EQ(run({"customer", "add", "One"}).code, 2);
  const Outcome contact = run({"customer", "add", "Three", "--contact", "anna"});
  EXPECT_EQ(contact.code, 2);
  EXPECT_THAT(contact.err, HasSubstr("name@example.net"));
  EXPECT_EQ(run({"customer", "add", "Three", "--contact", "a@b\r\nBcc: x@y"}).code, 2);
  EXPECT_EQ(run({"customer", "add", "Three", "--webhook", "ftp://x/"}).code, 2);
  EXPECT_EQ(run({"customer", "change", "Nobody", "--notes", "x"}).code, 1);
  EXPECT_EQ(run({"customer", "change", "One", "--drop-prefix", "10.0.0.0/8"}).code, 2);
  EXPECT_EQ(run({"customer", "list"}).code, 0);
}

TEST_F(CaseCommandsTest, SendersAreListedWithWhatTheyDid) {
  EXPECT_EQ(run({"sender", "list"}).code, 1);
  ASSERT_EQ(run({"customer", "add", "Example Ltd", "--prefix", "192.0.2.0/24"}).code, 0);
  open_case();
  store(spam(now()));
  channel::v1::Event ham = spam(now());
  ham.set_outcome("forwarded");
  store(ham);
  const Outcome list = run({"sender", "list", "--order", "spam"});
  EXPECT_EQ(list.code, 0) << list.err;
  EXPECT_THAT(list.out, AllOf(HasSubstr("192.0.2.7"), HasSubstr("Example Ltd"), HasSubstr("50.0 %"),
                              HasSubstr("refuse"), HasSubstr(reference_)));
  const json shown = json::parse(run({"sender", "show", "192.0.2.7", "--json"}).out);
  EXPECT_EQ(shown["counts"]["messages"], 2);
  EXPECT_EQ(shown["counts"]["refused_spam"], 1);
  EXPECT_EQ(shown["hours"].size(), 1u);
  EXPECT_EQ(shown["cases"][0]["case"], reference_);
  EXPECT_EQ(shown["in_force"]["treatment"], "refuse");
  EXPECT_EQ(run({"sender", "list", "--within", "198.51.100.0/24"}).code, 1);
  EXPECT_EQ(run({"sender", "list", "--since", "yesterday"}).code, 2);
}

TEST_F(CaseCommandsTest, ALadderIsTriedOnWhatHappened) {
  EXPECT_EQ(run({"policy", "try"}).code, 1);
  for (int i = 0; i < 5; ++i) {
    channel::v1::Event event = spam(now());
    event.set_content_hash("00000000000000a" + std::to_string(i));
    store(event);
  }
  const Outcome usual = run({"policy", "try"});  // observed at 2, throttled at 5
  EXPECT_EQ(usual.code, 0) << usual.err;
  EXPECT_THAT(usual.out,
              AllOf(HasSubstr("observe"), HasSubstr("throttle"), Not(HasSubstr("block"))));
  const std::string file = directory_ / "strict.toml";
  std::ofstream(file) << "[policy.block]\nspam = 4\n";
  const json strict = json::parse(run({"policy", "try", "--config", file, "--json"}).out);
  EXPECT_EQ(strict["steps"].back()["step"], "block");
  EXPECT_EQ(strict["steps"].back()["server"], "192.0.2.7");
  std::ofstream(file) << "[policy.block]\nspam = many\n";
  EXPECT_EQ(run({"policy", "try", "--config", file}).code, 2);
  EXPECT_EQ(run({"case", "list"}).code, 1);  // nothing was done
}

TEST_F(CaseCommandsTest, ACaseIsShownWithAllThatIsKnown) {
  EXPECT_EQ(run({"case", "list"}).code, 1);
  open_case();
  ASSERT_TRUE(
      ledger_->cases()
          .add_evidence({.reference = kCase, .why = "spam", .event = spam(now() - 3600)}, 50)
          .has_value());
  EXPECT_THAT(run({"case", "list"}).out, AllOf(HasSubstr(reference_), HasSubstr("block")));
  EXPECT_EQ(run({"case", "note", reference_, "called them"}).code, 0);
  const Outcome shown = run({"case", "show", reference_});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, AllOf(HasSubstr("12 different spam messages"), HasSubstr("smorf-block"),
                               HasSubstr("trusted-relay"), HasSubstr("cheap\\x1b[2J"),
                               HasSubstr("called them"), HasSubstr("quiet"),
                               HasSubstr("evidence, the last 1 of 1")));
  const json all = json::parse(run({"case", "show", reference_, "--json"}).out);
  EXPECT_EQ(all["state"], "open");
  EXPECT_EQ(all["verdicts"].size(), 2u);
  EXPECT_EQ(all["evidence"][0]["event"]["client"], "192.0.2.7");
  EXPECT_EQ(all["history"][1]["action"], "note");
  EXPECT_EQ(all["history"][1]["author"], "anna");
  EXPECT_TRUE(all["diagnosis"].is_null());
  EXPECT_EQ(run({"case", "show", "7F3A00KX1M"}).code, 1);
  EXPECT_EQ(run({"case", "show", "what?"}).code, 2);
}

TEST_F(CaseCommandsTest, SwitchesComeBackOneByOne) {
  open_case();
  EXPECT_EQ(run({"case", "request", reference_, "--by", "admin of example"}).code, 0);
  EXPECT_EQ(the_case().state, CaseState::kRestoring);
  EXPECT_EQ(run({"case", "restore", reference_}).code, 2);
  const Outcome first = run({"case", "restore", reference_, "--smorf"});
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.out,
              AllOf(HasSubstr("smorf-block refuse on 192.0.2.7"), HasSubstr("restoring")));
  const IpPrefix server = *IpPrefix::parse("192.0.2.7");
  EXPECT_FALSE((*ledger_->verdict_on({server, Switch::SWITCH_SMORF_BLOCK})).has_value());
  EXPECT_EQ((*ledger_->verdict_on({server, Switch::SWITCH_TRUSTED_RELAY}))->treatment,
            channel::v1::TREATMENT_REFUSE);
  const Outcome second = run({"case", "restore", reference_, "--trusted-relay", "--range"});
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_THAT(second.out, HasSubstr("probation"));
  EXPECT_EQ((*ledger_->verdict_on({server, Switch::SWITCH_TRUSTED_RELAY}))->treatment,
            channel::v1::TREATMENT_PASS);
  EXPECT_EQ(run({"case", "close", reference_, "--text", "went well"}).code, 0);
  EXPECT_EQ(the_case().state, CaseState::kClosed);
  EXPECT_EQ(run({"case", "close", reference_, "--text", "again"}).code, 1);
  EXPECT_EQ(run({"case", "list"}).code, 1);
  EXPECT_EQ(run({"case", "list", "--all"}).code, 0);
}

TEST_F(CaseCommandsTest, RedMarksAreNamed) {
  open_case();
  store(spam(now() - 60));
  const Outcome asked = run({"case", "request", reference_});
  EXPECT_EQ(asked.code, 1);
  EXPECT_THAT(asked.err, HasSubstr("quiet"));
  EXPECT_EQ(run({"case", "restore", reference_, "--smorf"}).code, 1);
  EXPECT_EQ(the_case().state, CaseState::kOpen);
  EXPECT_EQ(run({"case", "restore", reference_, "--smorf", "--although-red"}).code, 0);
}

TEST_F(CaseCommandsTest, ALinkIsGoodForItsCase) {
  open_case();
  const json link = json::parse(run({"case", "link", reference_, "--for", "1h", "--json"}).out);
  EXPECT_TRUE(link["url"].is_null());  // no page is configured here
  EXPECT_THAT(link["token"].get<std::string>(), HasSubstr(reference_ + "."));
  EXPECT_EQ(run({"case", "password", reference_, "--text", "bob called"}).code, 0);
  EXPECT_THAT(run({"case", "show", reference_}).out, HasSubstr("bob called"));
}

}  // namespace
}  // namespace postern::cli
