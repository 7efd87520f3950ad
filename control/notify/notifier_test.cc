// What is told when, and what becomes of it across failures and restarts.
#include "control/notify/notifier.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <spdlog/spdlog.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/testing/child_process.h"
#include "control/notify/testing/laboratory.h"

namespace postern::notify {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr uint64_t kMinute = 60, kHour = 3600, kDay = 24 * kHour;

// The mailroom without a thread, its ways replaced.
class MailroomTest : public Laboratory {
 protected:
  MailroomTest() {
    spdlog::set_level(spdlog::level::off);
    settings_.operators = {};
    customer_.channels.digest_minutes = 60;
    add_customer();
    open_case();
    restart();
  }
  void restart() {
    mailroom_ = std::make_unique<Mailroom>(
        *ledger_, settings_, [](CaseReference) { return "https://x/"; }, stop_);
    mailroom_->take_ways(
        {.letter =
             [this](const ledger::OutboxMessage& message) {
               if (result_.done) sent_.push_back(message.what);
               ++attempts_;
               return result_;
             },
         .webhook =
             [this](const ledger::OutboxMessage& message, const std::string& secret, uint64_t) {
               posted_.push_back(message.what + " with " + secret);
               return result_;
             }});
  }
  void tell(const std::string& what, uint64_t now) {
    ASSERT_TRUE(mailroom_->tell(kReference, what, now));
  }
  void work(uint64_t now) {
    ASSERT_TRUE(mailroom_->make(now));
    ASSERT_TRUE(mailroom_->deliver(now));
  }

  std::atomic<bool> stop_ = false;
  Delivery result_{.done = true};
  std::vector<std::string> sent_, posted_;
  int attempts_ = 0;
  std::unique_ptr<Mailroom> mailroom_;
};

TEST_F(MailroomTest, AnOpeningIsToldAtOnceAndTheRestInDigests) {
  tell("opened", kOpened);
  work(kOpened);
  EXPECT_THAT(sent_, ElementsAre("opened"));
  tell("escalated", kOpened + 10 * kMinute);
  tell("escalated", kOpened + 20 * kMinute);
  tell("widened", kOpened + 30 * kMinute);
  work(kOpened + kHour - 1);
  EXPECT_THAT(sent_, SizeIs(1));
  EXPECT_EQ(**mailroom_->next(kOpened + 30 * kMinute), kOpened + kHour);
  work(kOpened + kHour);
  EXPECT_THAT(sent_, ElementsAre("opened", "escalated, widened"));
  // Nothing is told twice, and after a quiet time the next is told at once.
  work(kOpened + 9 * kHour);
  EXPECT_THAT(sent_, SizeIs(2));
  tell("closed", kOpened + 9 * kHour);
  work(kOpened + 9 * kHour);
  EXPECT_THAT(sent_, ElementsAre("opened", "escalated, widened", "closed"));
  EXPECT_EQ(*mailroom_->next(kOpened + 9 * kHour), std::nullopt);
}

TEST_F(MailroomTest, ALetterTellsWhatTheHistoryHasSinceTheLast) {
  tell("opened", kOpened);
  work(kOpened);
  add_entry(kOpened + 5, "escalated", "hold, because 40 more came");
  add_entry(kOpened + 6, "widened", "the whole server");
  tell("escalated", kOpened + 5);
  tell("widened", kOpened + 6);
  work(kOpened + kHour);
  const std::string letter = (*ledger_->outbox().find(2))->message;
  EXPECT_THAT(letter, AllOf(HasSubstr("escalated: hold, because 40 more came"),
                            HasSubstr("widened: the whole server"),
                            Not(HasSubstr("opened: 12 different"))));
}

TEST_F(MailroomTest, DigestsAreEachAudiencesOwn) {
  settings_.operators = {"desk@operator.example"};
  settings_.operator_digest_s = 4 * kHour;
  restart();
  tell("opened", kOpened);
  work(kOpened);
  EXPECT_THAT(sent_, SizeIs(2));
  tell("escalated", kOpened + 1);
  work(kOpened + kHour);
  EXPECT_THAT(sent_, SizeIs(3));
  work(kOpened + 4 * kHour);
  EXPECT_THAT(sent_, SizeIs(4));
  // What the customer asked for himself, only the operator is told; and at once.
  tell("requested", kOpened + 4 * kHour);
  work(kOpened + 4 * kHour);
  EXPECT_EQ((*ledger_->outbox().list({}))[0].to, "desk@operator.example");
  EXPECT_THAT(sent_, SizeIs(5));
}

TEST_F(MailroomTest, OfNobodysAddressTheOperatorIsTold) {
  ASSERT_TRUE(*ledger_->customers().remove(customer_.id, "anna", kOpened));
  settings_.operators = {"desk@operator.example", "second@operator.example"};
  restart();
  tell("opened", kOpened);
  work(kOpened);
  EXPECT_THAT(*ledger_->outbox().list({}), SizeIs(2));
  EXPECT_THAT((*ledger_->outbox().find(1))->message, HasSubstr("registered to nobody"));
  EXPECT_THAT(*ledger_->outbox().happenings(), IsEmpty());
  EXPECT_THAT(history().back(), "notified: e-mail to the operator: opened");
}

TEST_F(MailroomTest, WhatIsNoHappeningIsPassedOver) {
  tell("quota raised", kOpened);
  EXPECT_THAT(*ledger_->outbox().happenings(), IsEmpty());
  ASSERT_TRUE(mailroom_->tell(CaseReference{99}, "opened", kOpened));  // not in the ledger
  work(kOpened);
  EXPECT_THAT(*ledger_->outbox().happenings(), IsEmpty());
  EXPECT_THAT(sent_, IsEmpty());
}

TEST_F(MailroomTest, AFailureIsRepeatedAfterPausesThatGrow) {
  result_ = {.text = "no answer"};
  tell("opened", kOpened);
  std::vector<uint64_t> pauses;
  uint64_t now = kOpened;
  for (int i = 0; i < 9; ++i) {
    work(now);
    const uint64_t next = (*ledger_->outbox().find(1))->next_attempt_unix_s;
    pauses.push_back(next - now);
    work(next - 1);
    now = next;
  }
  EXPECT_EQ(attempts_, 9);
  EXPECT_THAT(pauses, ElementsAre(60, 120, 240, 480, 960, 1920, 3600, 3600, 3600));
  EXPECT_EQ((*ledger_->outbox().find(1))->last_error, "no answer");
  result_ = {.done = true};
  work(now);
  EXPECT_THAT(history(), ElementsAre(HasSubstr("opened"),
                                     "notified: e-mail to anna@customer.example: opened"));
}

TEST_F(MailroomTest, WhatFailsForTooLongOrForGoodIsGivenUpAndTheCaseSaysSo) {
  result_ = {.text = "no answer"};
  tell("opened", kOpened);
  work(kOpened);
  work(kOpened + 5 * kDay);
  EXPECT_EQ(history().back(), "not delivered: e-mail to anna@customer.example (opened): no answer");
  work(kOpened + 6 * kDay);
  EXPECT_EQ(attempts_, 2);
  // A person asks for it again.
  EXPECT_EQ(*ledger_->outbox().retry(1, kOpened + 6 * kDay), 1u);
  result_ = {.done = true};
  work(kOpened + 6 * kDay);
  EXPECT_THAT(history().back(), HasSubstr("notified"));

  result_ = {.hopeless = true, .text = "550 no such user"};
  tell("closed", kOpened + 7 * kDay);
  work(kOpened + 7 * kDay);
  EXPECT_THAT(history().back(), AllOf(HasSubstr("not delivered"), HasSubstr("550")));
}

TEST_F(MailroomTest, AContactWithoutAnAddressIsTold) {
  customer_.contacts = {{"", "anna at customer"}, {"by telephone", ""}};
  ASSERT_TRUE(ledger_->customers().put(customer_, "anna", kOpened));
  tell("opened", kOpened);
  work(kOpened);
  EXPECT_EQ(attempts_, 0);
  EXPECT_THAT(history().back(), AllOf(HasSubstr("not delivered: e-mail to anna at customer"),
                                      HasSubstr("correct it")));
}

// It was sent, and the ledger could not be told.
TEST_F(MailroomTest, WhatWasSentAndNotNotedIsNotSentAgainAndAgain) {
  tell("opened", kOpened);
  ASSERT_TRUE(mailroom_->make(kOpened));
  ASSERT_TRUE(ledger_->outbox().begin(1, kOpened + kMinute));  // and here it ended
  work(kOpened + kMinute - 1);
  EXPECT_EQ(attempts_, 0);
  work(kOpened + kMinute);
  EXPECT_EQ(attempts_, 1);
  EXPECT_EQ((*ledger_->outbox().find(1))->attempts, 2u);
}

TEST_F(MailroomTest, OneDownWayIsTriedOnceARound) {
  customer_.contacts = {{"", "a@customer.example"}, {"", "b@customer.example"}};
  customer_.channels.webhook_url = "https://hook.example/?token=geheim";
  customer_.channels.webhook_secret = "s1";
  ASSERT_TRUE(ledger_->customers().put(customer_, "anna", kOpened));
  result_ = {.way_is_down = true, .text = "connection refused"};
  tell("opened", kOpened);
  work(kOpened);
  EXPECT_EQ(attempts_, 1);
  EXPECT_THAT(posted_, ElementsAre("opened with s1"));
  const auto waiting = ledger_->outbox().list({});
  for (const ledger::OutboxMessage& message : *waiting)
    EXPECT_EQ(message.last_error, "connection refused");
  // The secret is the customer's of the moment, and stands in no history.
  customer_.channels.webhook_secret = "s2";
  ASSERT_TRUE(ledger_->customers().put(customer_, "anna", kOpened));
  result_ = {.done = true};
  work(kOpened + kMinute);
  EXPECT_THAT(posted_, ElementsAre("opened with s1", "opened with s2"));
  EXPECT_THAT(history(),
              ElementsAre(HasSubstr("opened"), "notified: e-mail to a@customer.example: opened",
                          "notified: e-mail to b@customer.example: opened",
                          "notified: webhook https://hook.example/: opened"));
}

TEST_F(MailroomTest, ARestartBetweenTheStepsLosesNothingAndTellsNothingTwice) {
  tell("opened", kOpened);
  mailroom_.reset();
  reopen();
  restart();
  ASSERT_TRUE(mailroom_->make(kOpened));
  mailroom_.reset();
  reopen();
  restart();
  work(kOpened + 1);
  EXPECT_THAT(sent_, ElementsAre("opened"));
  mailroom_.reset();
  reopen();
  restart();
  work(kOpened + kDay);
  EXPECT_THAT(sent_, SizeIs(1));
}

TEST_F(MailroomTest, AProcessKilledAfterTheSpoolTookItPutsTheSameFileThere) {
  tell("opened", kOpened);
  ASSERT_TRUE(mailroom_->make(kOpened));
  const auto message = (*ledger_->outbox().due(kOpened, 1))[0];
  ASSERT_TRUE(put_into_spool(message, settings_).done);  // and then it died
  mailroom_->take_ways({.letter = [this](const ledger::OutboxMessage& one) {
    return put_into_spool(one, settings_);
  }});
  work(kOpened + 1);
  ASSERT_THAT(spooled(), SizeIs(1));
  EXPECT_EQ(read(spooled()[0]), message.message);
  auto envelope = spooled()[0];
  const auto json = nlohmann::json::parse(read(envelope.replace_extension(".json")));
  EXPECT_EQ(json["envelope_from"], "");
  EXPECT_EQ(json["envelope_to"], nlohmann::json::array({"anna@customer.example"}));
  EXPECT_EQ(json["case"], "00000004HM");
}

// In a mount namespace of a child: the spool's file system is full, then has room again.
TEST_F(MailroomTest, AFullSpoolKeepsItInTheOutbox) {
  std::filesystem::create_directories(settings_.spool);
  tell("opened", kOpened);
  ASSERT_TRUE(mailroom_->make(kOpened));
  const auto message = (*ledger_->outbox().due(kOpened, 1))[0];
  const pid_t child = in_child([&] {
    if (!mount_small(settings_.spool, "4k")) return kNotAllowed;
    ledger::OutboxMessage large = message;
    large.message = std::string(100'000, 'x');
    const Delivery full = put_into_spool(large, settings_);
    if (full.done || full.hopeless || !full.way_is_down) return 1;
    if (full.text.find("make room") == std::string::npos) return 2;
    if (!std::filesystem::is_empty(settings_.spool)) return 3;
    if (!resize(settings_.spool, "1m")) return 4;
    if (!put_into_spool(large, settings_).done) return 5;
    return std::filesystem::file_size(spooled()[0]) == 100'000 ? 0 : 6;
  });
  const int status = exit_status(child);
  if (status == kNotAllowed) GTEST_SKIP() << "needs the right to mount a file system: run as root";
  EXPECT_EQ(status, 0);
}

class NotifierTest : public Laboratory {};

TEST_F(NotifierTest, DeliversInItsOwnThread) {
  add_customer();
  open_case();
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> to;
  Notifier notifier(*ledger_, settings_, {}, [] { return kOpened; });
  notifier.take_ways({.letter = [&](const ledger::OutboxMessage& message) {
    const std::lock_guard guard(mutex);
    to.push_back(message.to);
    changed.notify_one();
    return Delivery{.done = true};
  }});
  notifier.tell(kReference, "opened");
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return to.size() == 2; });
  EXPECT_THAT(to, testing::UnorderedElementsAre("anna@customer.example", "desk@operator.example"));
}

TEST_F(NotifierTest, ANewProcessDeliversWhatTheLastLeft) {
  add_customer();
  open_case();
  {
    Notifier last(*ledger_, settings_, {}, [] { return kOpened; });
    last.take_ways({.letter = [](const ledger::OutboxMessage&) { return Delivery{.text = "no"}; }});
    last.tell(kReference, "opened");
    ASSERT_TRUE(last.drain(kOpened));
  }
  reopen();
  Notifier next(*ledger_, settings_, {}, [] { return kOpened + kMinute; });
  ASSERT_TRUE(next.drain(kOpened + kMinute));
  EXPECT_THAT(spooled(), SizeIs(2));
  EXPECT_THAT(*ledger_->outbox().list({.only_waiting = true}), IsEmpty());
}

// The child opens cases and tells of them until it is killed; each that it said it had told has its
// letter afterwards, and none has two.
TEST_F(NotifierTest, AKilledProcessHasToldWhatItSaidItHad) {
  ledger_.reset();
  for (int round = 1; round <= 3; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = in_child([&] {
      auto ledger = ledger::open_sqlite_ledger(directory_ / "ledger.sqlite");
      if (!ledger) return 1;
      Notifier notifier(**ledger, settings_, {}, [] { return kOpened; });
      for (uint64_t i = 1;; ++i) {
        const CaseReference reference{static_cast<uint64_t>(round) << 32 | i};
        const IpPrefix server =
            *IpPrefix::parse(fmt::format("10.{}.{}.{}", round, i / 256, i % 256));
        if (!(*ledger)->cases().open({.reference = reference, .subject = {server, ""}},
                                     {kOpened, "policy", "opened", ""}))
          return 2;
        notifier.tell(reference, "opened");
        if (::write(pipe_ends[1], &reference.number, sizeof reference.number) < 0) return 3;
      }
    });
    close(pipe_ends[1]);
    std::vector<CaseReference> told;
    for (CaseReference one; told.size() < 20u * static_cast<unsigned>(round) &&
                            ::read(pipe_ends[0], &one.number, sizeof one.number) > 0;)
      told.push_back(one);
    kill(child, SIGKILL);
    exit_status(child);
    close(pipe_ends[0]);
    ASSERT_THAT(told, SizeIs(20 * round));

    reopen();
    {
      Notifier next(*ledger_, settings_, {}, [] { return kOpened + kHour; });
      ASSERT_TRUE(next.drain(kOpened + kHour));
    }
    std::map<std::string, int> letters;
    for (const auto& file : spooled()) ++letters[file.stem().string().substr(11, 10)];
    for (const CaseReference reference : told)
      EXPECT_EQ(letters[reference.to_string()], 1) << reference.to_string();
    for (const auto& [reference, count] : letters) EXPECT_EQ(count, 1) << reference;
    EXPECT_THAT(*ledger_->outbox().list({.only_waiting = true}), IsEmpty());
    ledger_.reset();
  }
}

TEST_F(NotifierTest, APreviewSendsNothing) {
  add_customer();
  open_case();
  Notifier notifier(*ledger_, settings_, {}, [] { return kOpened; });
  const auto shown = notifier.preview(kReference, "opened");
  ASSERT_TRUE(shown && *shown);
  EXPECT_THAT(**shown, SizeIs(2));
  EXPECT_EQ(*notifier.preview(CaseReference{99}, "opened"), std::nullopt);
  ASSERT_TRUE(notifier.drain(kOpened));
  EXPECT_THAT(spooled(), IsEmpty());
  EXPECT_THAT(history(), SizeIs(1));
}

TEST_F(NotifierTest, ATestGoesTheSameWay) {
  Notifier notifier(*ledger_, settings_, {}, [] { return kOpened; });
  EXPECT_TRUE(notifier.test("anna@example.com").done);
  ASSERT_THAT(spooled(), SizeIs(1));
  EXPECT_THAT(read(spooled()[0]), HasSubstr("To: anna@example.com\r\n"));
}

}  // namespace
}  // namespace postern::notify
