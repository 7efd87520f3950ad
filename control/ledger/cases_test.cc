// Customers, cases, hourly counts and the audit, in a ledger on disk.
#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>

#include "control/ledger/sqlite_ledger.h"

namespace postern::ledger {
namespace {

using google::protobuf::util::MessageDifferencer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

IpPrefix prefix(std::string_view text) { return *IpPrefix::parse(text); }
IpAddress address(std::string_view text) { return *IpAddress::parse(text); }

class CasesTest : public testing::Test {
 protected:
  CasesTest() {
    std::string name = testing::TempDir() + "postern-cases-XXXXXX";
    directory_ = mkdtemp(name.data());
    reopen();
  }
  ~CasesTest() override { std::filesystem::remove_all(directory_); }

  void reopen() {
    ledger_.reset();
    auto opened = open_sqlite_ledger(directory_ / "ledger.sqlite");
    ASSERT_TRUE(opened.has_value()) << opened.error();
    ledger_ = std::move(*opened);
  }
  // What the file's own triggers say to another program.
  std::string refusal_of(const char* sql) {
    sqlite3* connection = nullptr;
    sqlite3_open((directory_ / "ledger.sqlite").c_str(), &connection);
    char* error = nullptr;
    sqlite3_exec(connection, sql, nullptr, nullptr, &error);
    std::string text = error == nullptr ? "" : error;
    sqlite3_free(error);
    sqlite3_close(connection);
    return text;
  }

  std::filesystem::path directory_;
  std::unique_ptr<Ledger> ledger_;
};

Customer acme() {
  return {.name = "Acme",
          .language = "de",
          .contacts = {{"Anna", "anna@acme.example"}, {"", "noc@acme.example"}},
          .prefixes = {prefix("192.0.2.0/28"), prefix("2001:db8:1::/48")},
          .channels = {.arf = false,
                       .xarf = true,
                       .webhook_url = "https://acme.example/hook",
                       .webhook_secret = "s3cret",
                       .digest_minutes = 5},
          .limits = {.messages_per_day = 20'000, .messages_per_minute = 60, .exempt = true},
          .notes = "two racks"};
}

TEST_F(CasesTest, CustomersAreKeptAcrossARestart) {
  const auto id = ledger_->customers().put(acme(), "bert", 1000);
  ASSERT_TRUE(id) << id.error();
  reopen();
  Customer expected = acme();
  expected.id = *id;
  expected.created_unix_s = expected.changed_unix_s = 1000;
  EXPECT_EQ(**ledger_->customers().find(*id), expected);
  EXPECT_EQ(**ledger_->customers().named("Acme"), expected);
  expected.prefixes.pop_back();
  expected.changed_unix_s = 2000;
  EXPECT_EQ(*ledger_->customers().put(expected, "bert", 2000), *id);
  EXPECT_THAT(*ledger_->customers().all(), ElementsAre(expected));
  // The audit knows who, and not the secret.
  const auto entries = *ledger_->audit().entries("", "Acme", 10);
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].action, "customer changed");
  EXPECT_EQ(entries[1].action, "customer added");
  EXPECT_EQ(entries[1].author, "bert");
  EXPECT_THAT(entries[1].detail, Not(HasSubstr("s3cret")));
}

TEST_F(CasesTest, AnAddressBelongsToTheMostSpecificPrefix) {
  Customer whole{.name = "Whole", .prefixes = {prefix("192.0.2.0/24")}};
  const uint64_t acme_id = *ledger_->customers().put(acme(), "bert", 1);
  const uint64_t whole_id = *ledger_->customers().put(whole, "bert", 1);
  const auto owner = [&](std::string_view of) {
    const auto found = *ledger_->customers().owner_of(address(of));
    return found ? found->id : 0;
  };
  EXPECT_EQ(owner("192.0.2.15"), acme_id);
  EXPECT_EQ(owner("192.0.2.16"), whole_id);
  EXPECT_EQ(owner("192.0.3.1"), 0u);
  EXPECT_EQ(owner("2001:db8:1:2::3"), acme_id);
  EXPECT_TRUE(*ledger_->customers().remove(acme_id, "bert", 2));
  EXPECT_FALSE(*ledger_->customers().remove(acme_id, "bert", 2));
  EXPECT_EQ(owner("192.0.2.15"), whole_id);
  EXPECT_EQ(owner("2001:db8:1:2::3"), 0u);
}

TEST_F(CasesTest, NoTwoCustomersShareANameOrAPrefix) {
  ASSERT_TRUE(ledger_->customers().put(acme(), "bert", 1));
  Customer other{.name = "Other", .prefixes = {prefix("198.51.100.0/24"), prefix("192.0.2.0/28")}};
  EXPECT_THAT(ledger_->customers().put(other, "bert", 1).error(),
              HasSubstr("192.0.2.0/28 is registered to 'Acme'"));
  EXPECT_FALSE(*ledger_->customers().owner_of(address("198.51.100.1")));
  other = {.name = "Acme"};
  EXPECT_THAT(ledger_->customers().put(other, "bert", 1).error(), HasSubstr("already"));
  other = {.id = 77, .name = "Gone"};
  EXPECT_THAT(ledger_->customers().put(other, "bert", 1).error(), HasSubstr("no more"));
  EXPECT_FALSE(ledger_->customers().put({}, "bert", 1));
}

Case relay_case(uint64_t reference = 0x1234) {
  return {.reference = {reference},
          .customer = 7,
          .subject = {prefix("192.0.2.7"), "user:bob"},
          .step = Step::kBlock,
          .cause = "40 spam messages in 10 minutes",
          .opened_unix_s = 1000,
          .changed_unix_s = 1000};
}
const CaseEntry kOpened{1000, "policy", "opened", "90 % spam"};

TEST_F(CasesTest, ACaseIsKeptWithItsHistory) {
  ASSERT_TRUE(ledger_->cases().open(relay_case(), kOpened));
  Case changed = relay_case();
  changed.state = CaseState::kRestoring;
  changed.step = Step::kRevoke;
  changed.diagnosis = R"({"kind":"open relay"})";
  changed.marks = R"({"quiet":true})";
  const CaseEntry asked{2000, "customer", "requested", "password changed"};
  ASSERT_TRUE(ledger_->cases().change(changed, asked));
  const CaseEntry noted{3000, "anna", "note", "called them"};
  ASSERT_TRUE(ledger_->cases().add_entry(changed.reference, noted));
  reopen();
  changed.changed_unix_s = 3000;
  EXPECT_EQ(**ledger_->cases().find(changed.reference), changed);
  EXPECT_EQ(**ledger_->cases().about(changed.subject), changed);
  EXPECT_THAT(*ledger_->cases().history(changed.reference), ElementsAre(kOpened, asked, noted));
  EXPECT_THAT(refusal_of("UPDATE case_history SET text = ''"), HasSubstr("append-only"));
  EXPECT_THAT(refusal_of("DELETE FROM case_history"), HasSubstr("append-only"));
  EXPECT_THAT(ledger_->cases().change(relay_case(9), asked).error(), HasSubstr("no case"));
  EXPECT_FALSE(ledger_->cases().add_entry({9}, noted));
  EXPECT_FALSE(*ledger_->cases().find({9}));
}

TEST_F(CasesTest, ASubjectHasOneOpenCase) {
  ASSERT_TRUE(ledger_->cases().open(relay_case(1), kOpened));
  EXPECT_THAT(ledger_->cases().open(relay_case(2), kOpened).error(), HasSubstr("0000000001"));
  Case whole = relay_case(3);
  whole.subject.part.clear();
  EXPECT_TRUE(ledger_->cases().open(whole, kOpened));
  Case closed = relay_case(1);
  closed.state = CaseState::kClosed;
  closed.closed_unix_s = 5000;
  ASSERT_TRUE(ledger_->cases().change(closed, {5000, "anna", "closed", ""}));
  EXPECT_FALSE(*ledger_->cases().about(closed.subject));
  EXPECT_TRUE(ledger_->cases().open(relay_case(2), kOpened));
  EXPECT_FALSE(ledger_->cases().open(relay_case(1), kOpened)) << "the reference stands in refusals";
}

TEST_F(CasesTest, CasesAreListedLastChangedFirst) {
  const auto open = [&](uint64_t reference, std::string_view on, uint64_t customer, uint64_t at) {
    Case one{.reference = {reference}, .customer = customer, .subject = {prefix(on)}};
    one.opened_unix_s = at;
    ASSERT_TRUE(ledger_->cases().open(one, {at, "policy", "opened", ""}));
  };
  open(1, "192.0.2.7", 7, 100);
  open(2, "2001:db8::7", 7, 200);
  open(3, "198.51.100.7", 8, 300);
  Case closed = **ledger_->cases().find({2});
  closed.state = CaseState::kClosed;
  closed.closed_unix_s = 400;
  ASSERT_TRUE(ledger_->cases().change(closed, {400, "anna", "closed", ""}));
  const auto listed = [&](CaseQuery query) {
    std::vector<uint64_t> out;
    const auto found = ledger_->cases().list(query);
    for (const Case& one : *found) out.push_back(one.reference.number);
    return out;
  };
  EXPECT_THAT(listed({}), ElementsAre(2, 3, 1));
  EXPECT_THAT(listed({.only_unclosed = true}), ElementsAre(3, 1));
  EXPECT_THAT(listed({.state = CaseState::kClosed}), ElementsAre(2));
  EXPECT_THAT(listed({.customer = 7}), ElementsAre(2, 1));
  EXPECT_THAT(listed({.within = prefix("192.0.2.0/24")}), ElementsAre(1));
  EXPECT_THAT(listed({.within = prefix("::/0")}), ElementsAre(2));
  EXPECT_THAT(listed({.limit = 1}), ElementsAre(2));
}

TEST_F(CasesTest, EvidenceIsBoundedAndForgotten) {
  ASSERT_TRUE(ledger_->cases().open(relay_case(), kOpened));
  Evidence evidence{.reference = {0x1234}, .why = "spam"};
  evidence.event.set_client("192.0.2.7");
  evidence.event.set_subject("cheap \xc3\xa9");
  evidence.event.set_wall_us(2'000'000);
  evidence.event.mutable_origin()->set_ip("203.0.113.9");
  EXPECT_TRUE(*ledger_->cases().add_evidence(evidence, 2));
  Evidence earlier = evidence;
  earlier.event.set_wall_us(1'000'000);
  EXPECT_TRUE(*ledger_->cases().add_evidence(earlier, 2));
  EXPECT_FALSE(*ledger_->cases().add_evidence(evidence, 2));
  const auto kept = *ledger_->cases().evidence({0x1234});
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_TRUE(MessageDifferencer::Equals(kept[0].event, earlier.event));
  EXPECT_TRUE(MessageDifferencer::Equals(kept[1].event, evidence.event));
  EXPECT_EQ(kept[1].why, "spam");
  EXPECT_EQ(*ledger_->cases().forget_evidence_before(2, 10), 1u);
  EXPECT_EQ(ledger_->cases().evidence({0x1234})->size(), 1u);
  EXPECT_THAT(*ledger_->cases().evidence({9}), IsEmpty());
}

constexpr uint64_t kHour = 3600;

channel::v1::Event* add(channel::v1::EventBatch& batch, const char* client, uint64_t at,
                        const char* outcome, const char* kind = "message") {
  channel::v1::Event* event = batch.add_events();
  event->set_kind(kind);
  event->set_client(client);
  event->set_outcome(outcome);
  event->set_wall_us(at * 1'000'000);
  return event;
}

TEST_F(CasesTest, EventsAreCountedByHour) {
  channel::v1::EventBatch batch;
  batch.set_boot("b");
  batch.set_batch(1);
  auto* first = add(batch, "192.0.2.7", 10 * kHour + 5, "forwarded");
  first->set_message_bytes(1000);
  first->set_recipients_count(5);
  first->set_recipients_rejected(2);
  first->set_null_sender(true);
  first->mutable_session()->set_messages(1);
  first->mutable_session()->set_failed_logins(3);
  auto* second = add(batch, "192.0.2.7", 10 * kHour + 3599, "refused_content");
  second->mutable_session()->set_messages(2);
  second->mutable_session()->set_failed_logins(3);  // those of before
  add(batch, "192.0.2.7", 11 * kHour, "refused_verdict", "connection_refused");
  auto* tried = add(batch, "192.0.2.7", 11 * kHour, "", "session");
  tried->mutable_session()->set_failed_logins(4);
  add(batch, "192.0.2.8", 11 * kHour, "deferred_hold");
  add(batch, "192.0.2.8", 11 * kHour, "refused_envelope");
  add(batch, "2001:db8::1", 11 * kHour, "abandoned");
  ASSERT_TRUE(*ledger_->store_events("gate", batch, 99));
  EXPECT_FALSE(*ledger_->store_events("gate", batch, 99));  // counted once
  reopen();

  const auto hours = *ledger_->senders().hours_of(prefix("192.0.2.7"), 0);
  ASSERT_EQ(hours.size(), 2u);
  EXPECT_EQ(hours[0].hour_unix_s, 10 * kHour);
  EXPECT_EQ(hours[0].counts, (SenderCounts{.messages = 2,
                                           .forwarded = 1,
                                           .refused_spam = 1,
                                           .recipients = 3,
                                           .rejected = 2,
                                           .null_senders = 1,
                                           .failed_logins = 3,
                                           .bytes = 1000}));
  EXPECT_EQ(hours[1].counts, (SenderCounts{.refused_blocked = 1, .failed_logins = 4}));
  EXPECT_EQ(ledger_->senders().hours_of(prefix("192.0.2.7"), 11 * kHour + 9)->size(), 1u);

  const auto addresses = [&](SenderOrder order, std::optional<IpPrefix> within = {}) {
    std::vector<std::string> out;
    const auto found = ledger_->senders().since(0, order, within, 10);
    for (const SenderSum& sum : *found) out.push_back(sum.sender.to_string());
    return out;
  };
  EXPECT_THAT(addresses(SenderOrder::kMessages),
              ElementsAre("192.0.2.7", "192.0.2.8", "2001:db8::1"));
  EXPECT_THAT(addresses(SenderOrder::kSpam, prefix("192.0.2.0/24")),
              ElementsAre("192.0.2.7", "192.0.2.8"));
  const auto sums = *ledger_->senders().since(11 * kHour, SenderOrder::kMessages, {}, 1);
  ASSERT_EQ(sums.size(), 1u);
  EXPECT_EQ(sums[0].counts, (SenderCounts{.messages = 2, .refused_spam = 1, .deferred = 1}));
  EXPECT_EQ(*ledger_->senders().forget_before(11 * kHour, 10), 1u);
  EXPECT_EQ(ledger_->senders().hours_of(prefix("192.0.2.7"), 0)->size(), 1u);
}

TEST_F(CasesTest, TheAuditOnlyGrows) {
  const AuditEntry probe{5, "anna", "probe", "192.0.2.7", "closed"};
  const AuditEntry token{6, "bert", "token made", "ci", ""};
  ASSERT_TRUE(ledger_->audit().record(probe));
  ASSERT_TRUE(ledger_->audit().record(token));
  EXPECT_THAT(*ledger_->audit().entries("", "", 10), ElementsAre(token, probe));
  EXPECT_THAT(*ledger_->audit().entries("anna", "", 10), ElementsAre(probe));
  EXPECT_THAT(*ledger_->audit().entries("anna", "ci", 10), IsEmpty());
  EXPECT_THAT(refusal_of("DELETE FROM audit"), HasSubstr("append-only"));
  EXPECT_THAT(refusal_of("UPDATE audit SET author = 'x'"), HasSubstr("append-only"));
}

}  // namespace
}  // namespace postern::ledger
