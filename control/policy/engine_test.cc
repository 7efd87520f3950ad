#include "control/policy/engine.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <filesystem>

#include "control/ledger/sqlite_ledger.h"

namespace postern::policy {
namespace {

using channel::v1::Event;
using ledger::CaseState;
using ledger::Change;
using ledger::Step;
using ledger::Switch;
using ledger::Verdict;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr uint64_t kNow = 1'800'000'000;

class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    spdlog::set_level(spdlog::level::off);
    std::string name = testing::TempDir() + "postern-policy-XXXXXX";
    directory_ = mkdtemp(name.data());
    ledger_ = std::move(*ledger::open_sqlite_ledger(directory_ / "ledger.sqlite"));
    settings_.ladder = {{.step = Step::kObserve, .window_s = 600, .spam = 2},
                        {.step = Step::kThrottle, .window_s = 600, .spam = 4, .holds_for_s = 3600},
                        {.step = Step::kHold, .window_s = 600, .spam = 6, .holds_for_s = 3600},
                        {.step = Step::kBlock, .window_s = 600, .spam = 8},
                        {.step = Step::kRevoke, .window_s = 600, .spam = 12}};
    settings_.large_sender = 0;
  }
  ~EngineTest() override {
    engine_.reset();
    ledger_.reset();
    std::filesystem::remove_all(directory_);
  }
  Engine& engine() {
    if (!engine_) {
      engine_ = std::make_unique<Engine>(
          *ledger_,
          [this](std::span<const Change> changes) -> ledger::Result<uint64_t> {
            if (apply_fails_) return std::unexpected("the disk is full");
            return ledger_->apply(changes);
          },
          [this](CaseReference, const std::string& what) { told_.push_back(what); }, settings_,
          now_);
    }
    return *engine_;
  }
  Event spam(std::string user = "", std::string client = "192.0.2.7") {
    Event event;
    event.set_kind("message");
    event.set_client(std::move(client));
    event.set_outcome("refused_content");
    event.set_wall_us(now_ * 1'000'000);
    event.set_content_hash(fmt::format("{:016x}", ++fingerprint_));
    event.set_auth_user(std::move(user));
    return event;
  }
  // As it happens in the control process: stored first.
  void observe(const std::vector<Event>& events) {
    channel::v1::EventBatch batch;
    batch.set_boot("b");
    batch.set_batch(++batch_);
    for (const Event& event : events) *batch.add_events() = event;
    engine();
    ASSERT_TRUE(ledger_->store_events("edge", batch, now_).has_value());
    engine().observe(batch, now_);
    engine().drain();
  }
  void observe_spam(int n, const std::string& user = "", const std::string& client = "192.0.2.7") {
    std::vector<Event> events;
    for (int i = 0; i < n; ++i) events.push_back(spam(user, client));
    observe(events);
  }
  std::optional<ledger::Case> about(std::string part = "", std::string server = "192.0.2.7") {
    return *ledger_->cases().about({*IpPrefix::parse(server), std::move(part)});
  }
  std::optional<Verdict> verdict(Switch of, const SenderPart& part = {}) {
    return *ledger_->verdict_on({*IpPrefix::parse("192.0.2.7"), of, part});
  }
  void set(Switch of, ledger::Treatment treatment, std::string author) {
    const Change change{ledger::Action::kSet,
                        {.prefix = *IpPrefix::parse("192.0.2.7"),
                         .treatment = treatment,
                         .reason = "as agreed",
                         .author = std::move(author),
                         .set_unix_s = now_,
                         .of = of}};
    ASSERT_TRUE(ledger_->apply({&change, 1}).has_value());
  }

  std::filesystem::path directory_;
  std::unique_ptr<ledger::Ledger> ledger_;
  Settings settings_;
  std::unique_ptr<Engine> engine_;
  std::vector<std::string> told_;
  uint64_t now_ = kNow;
  bool apply_fails_ = false;

 private:
  uint64_t fingerprint_ = 0, batch_ = 0;
};

TEST_F(EngineTest, ClimbsTheLadderAndWritesDownWhy) {
  observe_spam(1);
  EXPECT_FALSE(about().has_value());
  observe_spam(1);
  ASSERT_TRUE(about().has_value());
  EXPECT_EQ(about()->step, Step::kObserve);
  EXPECT_EQ(about()->cause, "2 different spam messages in 10m, 100 % of 2");
  observe_spam(2);
  const auto throttle = verdict(Switch::SWITCH_TREATMENT);
  ASSERT_TRUE(throttle.has_value());
  EXPECT_EQ(throttle->treatment, channel::v1::TREATMENT_THROTTLE);
  EXPECT_EQ(throttle->messages_per_minute, settings_.messages_per_minute);
  EXPECT_EQ(throttle->expires_unix_s, kNow + 3600);
  EXPECT_EQ(throttle->case_reference, about()->reference);
  observe_spam(4);
  EXPECT_EQ(verdict(Switch::SWITCH_SMORF_BLOCK)->treatment, channel::v1::TREATMENT_REFUSE);
  EXPECT_EQ(verdict(Switch::SWITCH_SMORF_BLOCK)->expires_unix_s, 0u);
  EXPECT_EQ(about()->step, Step::kBlock);
  EXPECT_THAT(told_, ElementsAre("opened", "escalated", "escalated"));
  const auto history = *ledger_->cases().history(about()->reference);
  EXPECT_THAT(history.back().text,
              HasSubstr("8 different spam messages in 10m, 100 % of 8: its mail is refused"));
  EXPECT_THAT(*ledger_->cases().evidence(about()->reference), SizeIs(8));
}

TEST_F(EngineTest, RetriesOpenNoCase) {
  const Event once = spam();
  observe({once, once, once, once, once, once, once, once, once});
  EXPECT_FALSE(about().has_value());
}

TEST_F(EngineTest, BlocksTheUserAndThenWhatIsLeftOfTheServer) {
  observe_spam(8, "bob");
  const SenderPart bob = *SenderPart::user("bob");
  ASSERT_TRUE(verdict(Switch::SWITCH_SMORF_BLOCK, bob).has_value());
  EXPECT_FALSE(verdict(Switch::SWITCH_SMORF_BLOCK).has_value());
  EXPECT_FALSE(verdict(Switch::SWITCH_TREATMENT).has_value());
  EXPECT_FALSE(about().has_value());
  EXPECT_EQ(about("user:bob")->step, Step::kBlock);
  observe_spam(8);
  ASSERT_TRUE(about().has_value());
  EXPECT_EQ(verdict(Switch::SWITCH_SMORF_BLOCK)->treatment, channel::v1::TREATMENT_REFUSE);
  const auto history = *ledger_->cases().history(about()->reference);
  EXPECT_EQ(history.front().action, "widened");
  EXPECT_THAT(history.front().text, HasSubstr("beside what user:bob sent"));
  // Each has the evidence that is its own.
  EXPECT_THAT(*ledger_->cases().evidence(about("user:bob")->reference), SizeIs(8));
  EXPECT_THAT(*ledger_->cases().evidence(about()->reference), SizeIs(8));
}

TEST_F(EngineTest, APersonsVerdictStays) {
  set(Switch::SWITCH_TREATMENT, channel::v1::TREATMENT_PASS, "anna");
  observe_spam(4);
  EXPECT_EQ(verdict(Switch::SWITCH_TREATMENT)->author, "anna");
  EXPECT_THAT(ledger_->cases().history(about()->reference)->back().text,
              HasSubstr("what anna says of it stays"));
}

TEST_F(EngineTest, ATrustedRelayIsRevokedOnlyWhereThereIsOne) {
  observe_spam(12);
  EXPECT_FALSE(verdict(Switch::SWITCH_TRUSTED_RELAY).has_value());
  set(Switch::SWITCH_TRUSTED_RELAY, channel::v1::TREATMENT_PASS, "anna");
  observe_spam(1);
  ASSERT_TRUE(verdict(Switch::SWITCH_TRUSTED_RELAY).has_value());
  EXPECT_EQ(verdict(Switch::SWITCH_TRUSTED_RELAY)->treatment, channel::v1::TREATMENT_REFUSE);
  EXPECT_EQ(about()->step, Step::kRevoke);
}

TEST_F(EngineTest, WhoIsExemptIsObserved) {
  settings_.exempt = {*IpPrefix::parse("192.0.2.0/24")};
  observe_spam(12);
  EXPECT_EQ(about()->step, Step::kObserve);
  EXPECT_FALSE(verdict(Switch::SWITCH_SMORF_BLOCK).has_value());
}

TEST_F(EngineTest, TheCustomersRateAndNameAreUsed) {
  const auto id = ledger_->customers().put({.name = "Example",
                                            .prefixes = {*IpPrefix::parse("192.0.2.0/24")},
                                            .limits = {.messages_per_minute = 3}},
                                           "anna", kNow);
  ASSERT_TRUE(id.has_value());
  observe_spam(4);
  EXPECT_EQ(verdict(Switch::SWITCH_TREATMENT)->messages_per_minute, 3u);
  EXPECT_EQ(about()->customer, *id);
}

TEST_F(EngineTest, AShadowChangesNothingAndSaysItOnce) {
  settings_.shadow = true;
  observe_spam(8);
  observe_spam(1);
  EXPECT_FALSE(about().has_value());
  EXPECT_FALSE(verdict(Switch::SWITCH_SMORF_BLOCK).has_value());
  EXPECT_THAT(*ledger_->audit().entries("policy", "192.0.2.7", 10), SizeIs(1));
  engine_.reset();
  observe_spam(1);
  const auto said = *ledger_->audit().entries("policy", "192.0.2.7", 10);
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_EQ(said[0].action, "would block");
}

TEST_F(EngineTest, ARestartForgetsNothing) {
  observe_spam(7);
  engine_.reset();
  observe_spam(1);
  EXPECT_TRUE(verdict(Switch::SWITCH_SMORF_BLOCK).has_value());
}

TEST_F(EngineTest, WhatWasStoredAndNeverJudgedIsJudgedAtTheStart) {
  channel::v1::EventBatch batch;
  batch.set_boot("b");
  batch.set_batch(1000);
  for (int i = 0; i < 8; ++i) *batch.add_events() = spam();
  ASSERT_TRUE(ledger_->store_events("edge", batch, kNow).has_value());
  engine().look(kNow);
  engine().drain();
  EXPECT_TRUE(verdict(Switch::SWITCH_SMORF_BLOCK).has_value());
}

TEST_F(EngineTest, WhatAClosedCaseRestedOnIsOver) {
  observe_spam(7);
  ledger::Case mine = *about();
  mine.state = CaseState::kClosed;
  mine.closed_unix_s = kNow;
  ASSERT_TRUE(ledger_->cases().change(mine, {kNow, "anna", "closed", ""}).has_value());
  engine().forgive(mine.reference);
  now_ += 1;
  observe_spam(1);
  EXPECT_FALSE(about().has_value());
  engine_.reset();  // nor after a restart
  observe_spam(1);
  ASSERT_TRUE(about().has_value());
  EXPECT_EQ(about()->step, Step::kObserve);
}

TEST_F(EngineTest, WhatCouldNotBeAppliedIsTriedAgain) {
  apply_fails_ = true;
  observe_spam(8);
  EXPECT_FALSE(verdict(Switch::SWITCH_SMORF_BLOCK).has_value());
  EXPECT_EQ(about()->step, Step::kObserve);
  apply_fails_ = false;
  engine().look(kNow);
  engine().drain();
  EXPECT_TRUE(verdict(Switch::SWITCH_SMORF_BLOCK).has_value());
  EXPECT_EQ(about()->step, Step::kBlock);
}

TEST_F(EngineTest, WhatAPersonTookAwayIsNotSetAgainForTheSameSpam) {
  observe_spam(8);
  now_ += 10;
  Verdict block = *verdict(Switch::SWITCH_SMORF_BLOCK);
  block.author = "anna";
  block.set_unix_s = now_;
  const Change clear{ledger::Action::kClear, block};
  ASSERT_TRUE(ledger_->apply({&clear, 1}).has_value());
  ASSERT_TRUE(ledger_->expire(kNow + 7200).has_value());  // nothing else of it is in force
  observe_spam(1);
  EXPECT_FALSE(verdict(Switch::SWITCH_SMORF_BLOCK).has_value());
  observe_spam(8);  // but for new spam it is
  EXPECT_TRUE(verdict(Switch::SWITCH_SMORF_BLOCK).has_value());
}

TEST_F(EngineTest, AThrottleThatExpiredIsSetAgain) {
  observe_spam(4);
  now_ += 3700;
  ASSERT_TRUE(ledger_->expire(now_).has_value());
  EXPECT_FALSE(verdict(Switch::SWITCH_TREATMENT).has_value());
  observe_spam(4);
  EXPECT_TRUE(verdict(Switch::SWITCH_TREATMENT).has_value());
}

TEST_F(EngineTest, WhoIsOnProbationIsLeftToRestoration) {
  observe_spam(2);
  ledger::Case mine = *about();
  mine.state = CaseState::kProbation;
  ASSERT_TRUE(ledger_->cases().change(mine, {kNow, "anna", "probation", ""}).has_value());
  observe_spam(10);
  EXPECT_FALSE(verdict(Switch::SWITCH_SMORF_BLOCK).has_value());
}

TEST_F(EngineTest, AQuietCaseThatWasNeverBlockedIsClosed) {
  observe_spam(4);
  engine().look(kNow + settings_.close_after_s);  // the throttle is still there
  engine().drain();
  EXPECT_TRUE(about().has_value());
  ASSERT_TRUE(ledger_->expire(kNow + 3600).has_value());
  engine().look(kNow + settings_.close_after_s);
  engine().drain();
  EXPECT_FALSE(about().has_value());
  EXPECT_EQ(told_.back(), "closed");
}

TEST_F(EngineTest, ManyBlockedServersOfARangeAreAProposal) {
  for (const char* server : {"192.0.2.7", "192.0.2.8", "192.0.2.9"}) observe_spam(8, "", server);
  const auto third = about("", "192.0.2.9");
  ASSERT_TRUE(third.has_value());
  EXPECT_EQ(third->step, Step::kExclude);
  EXPECT_EQ(told_.back(), "proposed");
  EXPECT_FALSE(
      (*ledger_->verdict_on({*IpPrefix::parse("192.0.2.0/24"), Switch::SWITCH_RANGE_EXCLUSION}))
          .has_value());
  observe_spam(8, "", "192.0.2.10");
  EXPECT_EQ(about("", "192.0.2.10")->step, Step::kBlock);  // it is proposed already
}

TEST_F(EngineTest, SendersAreBounded) {
  channel::v1::EventBatch batch;
  for (uint32_t i = 0; i < Engine::kMostServers + 10; ++i) {
    Event& event = *batch.add_events();
    event.set_kind("message");
    event.set_outcome("forwarded");
    event.set_client(fmt::format("10.{}.{}.{}", i >> 16 & 255, i >> 8 & 255, i & 255));
    event.set_wall_us(kNow * 1'000'000);
  }
  engine().observe(batch, kNow);
  engine().drain();
  observe_spam(2);
  EXPECT_TRUE(about().has_value());
}

}  // namespace
}  // namespace postern::policy
