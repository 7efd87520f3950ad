// Happenings and messages in a ledger on disk.
#include "control/ledger/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "control/ledger/schema.h"
#include "control/ledger/sqlite_ledger.h"

namespace postern::ledger {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr CaseReference kReference{0x1234};
constexpr uint64_t kNow = 1'700'000'000;

OutboxMessage message(std::string identity, std::string octets = "Subject: x\r\n\r\n") {
  return {.reference = kReference,
          .audience = Audience::kCustomer,
          .customer = 7,
          .to = "anna@example.com",
          .identity = std::move(identity),
          .what = "opened",
          .message = std::move(octets),
          .entries_told = 3,
          .created_unix_s = kNow};
}

class OutboxTest : public testing::Test {
 protected:
  OutboxTest() {
    std::string name = testing::TempDir() + "postern-outbox-XXXXXX";
    directory_ = mkdtemp(name.data());
    file_ = directory_ / "ledger.sqlite";
  }
  ~OutboxTest() override {
    ledger_.reset();
    std::filesystem::remove_all(directory_);
  }
  Outbox& outbox() {
    if (ledger_ == nullptr) ledger_ = std::move(*open_sqlite_ledger(file_));
    return ledger_->outbox();
  }
  void open_case() {
    outbox();
    ASSERT_TRUE(ledger_->cases().open({.reference = kReference, .opened_unix_s = kNow},
                                      {kNow, "policy", "opened", "spam"}));
  }

  std::filesystem::path directory_;
  std::filesystem::path file_;
  std::unique_ptr<Ledger> ledger_;
};

TEST_F(OutboxTest, HappeningsBecomeMessagesInOneStep) {
  ASSERT_TRUE(outbox().note(std::vector<Happening>{
      {.reference = kReference, .audience = Audience::kCustomer, .what = "opened", .at_unix_s = 5},
      {.reference = kReference,
       .audience = Audience::kOperator,
       .what = "opened",
       .at_unix_s = 5}}));
  ledger_.reset();  // as after a restart
  const auto noted = *outbox().happenings();
  ASSERT_THAT(noted, SizeIs(2));
  EXPECT_EQ(noted[0].what, "opened");
  EXPECT_EQ(noted[0].audience, Audience::kCustomer);
  EXPECT_EQ(noted[1].audience, Audience::kOperator);

  // None of it, when one of them cannot be.
  const std::string large(OutboxMessage::kMostBytes + 1, 'x');
  EXPECT_FALSE(
      outbox().add(std::vector{message("a"), message("b", large)}, std::vector{noted[0].id}));
  EXPECT_THAT(*outbox().happenings(), SizeIs(2));
  EXPECT_THAT(*outbox().due(kNow, 10), IsEmpty());
  EXPECT_EQ(*outbox().last_told(kReference, Audience::kCustomer), std::nullopt);

  ASSERT_TRUE(outbox().add(std::vector{message("a")}, std::vector{noted[0].id}));
  EXPECT_THAT(*outbox().happenings(), ElementsAre(noted[1]));
  OutboxMessage expected = message("a");
  expected.id = 1;
  expected.next_attempt_unix_s = kNow;
  EXPECT_THAT(*outbox().due(kNow, 10), ElementsAre(expected));
  EXPECT_THAT(*outbox().due(kNow - 1, 10), IsEmpty());
  EXPECT_EQ((*outbox().last_told(kReference, Audience::kCustomer))->entries_told, 3u);
  EXPECT_EQ(*outbox().last_told(kReference, Audience::kOperator), std::nullopt);
}

TEST_F(OutboxTest, WhatFailedIsDueLaterAndWhatIsDeliveredNoMore) {
  open_case();
  std::string octets("a\0b\r\n", 5);
  ASSERT_TRUE(outbox().add(std::vector{message("a", octets)}, {}));
  ASSERT_TRUE(outbox().begin(1, kNow + 60));
  EXPECT_THAT(*outbox().due(kNow + 59, 10), IsEmpty());
  EXPECT_THAT((*outbox().find(1))->last_error, HasSubstr("not known"));
  ASSERT_TRUE(outbox().failed(1, kNow + 60, "no room"));
  EXPECT_THAT(*outbox().due(kNow + 59, 10), IsEmpty());
  EXPECT_EQ(*outbox().next_attempt(), kNow + 60);
  auto due = *outbox().due(kNow + 60, 10);
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_EQ(due[0].attempts, 1u);
  EXPECT_EQ(due[0].last_error, "no room");
  EXPECT_EQ(due[0].message, octets);

  ASSERT_TRUE(outbox().begin(1, kNow + 180));
  ASSERT_TRUE(outbox().delivered(1, {kNow + 61, "postern-control", "notified", "by e-mail"}));
  // Saying so twice is said once.
  ASSERT_TRUE(outbox().delivered(1, {kNow + 62, "postern-control", "notified", "by e-mail"}));
  EXPECT_THAT(*outbox().due(kNow + 1000, 10), IsEmpty());
  EXPECT_EQ(*outbox().next_attempt(), std::nullopt);
  const auto listed = *outbox().list({.reference = kReference});
  ASSERT_THAT(listed, SizeIs(1));
  EXPECT_EQ(listed[0].delivered_unix_s, kNow + 61);
  EXPECT_EQ(listed[0].attempts, 2u);
  EXPECT_EQ(listed[0].message, "");
  EXPECT_EQ((*outbox().find(1))->message, octets);
  const auto history = *ledger_->cases().history(kReference);
  ASSERT_THAT(history, SizeIs(2));
  EXPECT_EQ(history[1].action, "notified");
  EXPECT_EQ((*ledger_->cases().find(kReference))->changed_unix_s, kNow + 61);
  EXPECT_EQ(*outbox().retry(1, kNow), 0u);
}

TEST_F(OutboxTest, WhatIsGivenUpCanBeTriedAgain) {
  open_case();
  ASSERT_TRUE(outbox().add(std::vector{message("a"), message("b"), message("c")}, {}));
  ASSERT_TRUE(outbox().give_up(1, "five days", {kNow + 9, "postern-control", "not delivered", ""}));
  EXPECT_THAT(*outbox().due(kNow + 9, 10), SizeIs(2));
  EXPECT_EQ((*outbox().find(1))->given_up_unix_s, kNow + 9);
  EXPECT_THAT(*outbox().list({.only_waiting = true}), SizeIs(2));
  EXPECT_EQ(*outbox().retry(1, kNow + 20), 1u);
  EXPECT_THAT(*outbox().due(kNow + 20, 10), SizeIs(3));
  EXPECT_EQ((*outbox().find(1))->given_up_unix_s, 0u);
  ASSERT_TRUE(outbox().failed(2, kNow + 5000, "later"));
  EXPECT_THAT(*outbox().due(kNow + 30, 10), SizeIs(2));
  EXPECT_EQ(*outbox().retry(0, kNow + 30), 3u);
  EXPECT_THAT(*outbox().due(kNow + 30, 10), SizeIs(3));
  EXPECT_EQ(*outbox().retry(99, kNow + 30), 0u);
}

TEST_F(OutboxTest, OnlyWhatIsEndedIsForgotten) {
  ASSERT_TRUE(outbox().add(std::vector{message("a"), message("b"), message("c")}, {}));
  ASSERT_TRUE(outbox().delivered(1, {kNow, "", "notified", ""}));
  ASSERT_TRUE(outbox().give_up(2, "", {kNow + 5, "", "not delivered", ""}));
  EXPECT_EQ(*outbox().forget_before(kNow, 10), 0u);
  EXPECT_EQ(*outbox().forget_before(kNow + 5, 10), 1u);
  EXPECT_EQ(*outbox().forget_before(kNow + 6, 10), 1u);
  EXPECT_EQ(*outbox().forget_before(kNow + 1'000'000, 10), 0u);
  EXPECT_THAT(*outbox().list({}), SizeIs(1));
}

TEST_F(OutboxTest, AnIdentityIsOneMessages) {
  const auto added = outbox().add(std::vector{message("a")}, {});
  ASSERT_TRUE(added) << added.error();
  EXPECT_THAT(outbox().add(std::vector{message("a")}, {}).error(), HasSubstr("UNIQUE"));
}

TEST_F(OutboxTest, ALedgerOfSchemaTenGetsOne) {
  {
    Database old(file_);
    migrate(old, 10);
    old.execute(
        "INSERT INTO case_history (reference, at, author, action, text) VALUES (4660, 1, 'policy', "
        "'opened', 'spam')");
  }
  ASSERT_TRUE(outbox().add(std::vector{message("a")}, {}));
  EXPECT_THAT(*outbox().due(kNow, 10), SizeIs(1));
  EXPECT_THAT(*ledger_->cases().history(kReference), SizeIs(1));
}

}  // namespace
}  // namespace postern::ledger
