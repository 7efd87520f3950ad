#include "dataplane/agent/agent.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "dataplane/agent/fake_control.h"
#include "dataplane/agent/scratch_directory.h"

namespace postern::agent {
namespace {

using channel::v1::FromDataPlane;
using channel::v1::ToDataPlane;
using verdict::Treatment;

void fill(channel::v1::Verdict* out, const char* text, channel::v1::Treatment treatment) {
  const auto address = *IpAddress::parse(text);
  out->set_address(std::string(reinterpret_cast<const char*>(address.v4_bytes()), 4));
  out->set_prefix_length(32);
  out->set_treatment(treatment);
}

ToDataPlane snapshot(uint64_t version, const std::vector<const char*>& refused, bool last = true,
                     const char* epoch = "e") {
  ToDataPlane message;
  auto* part = message.mutable_snapshot();
  part->set_epoch(epoch);
  part->set_version(version);
  part->set_last(last);
  for (const char* text : refused) fill(part->add_verdicts(), text, channel::v1::TREATMENT_REFUSE);
  return message;
}

ToDataPlane delta(uint64_t from, uint64_t to, const std::vector<const char*>& held,
                  const std::vector<const char*>& removed = {}) {
  ToDataPlane message;
  auto* change = message.mutable_delta();
  change->set_epoch("e");
  change->set_from_version(from);
  change->set_to_version(to);
  for (const char* text : held) fill(change->add_upserts(), text, channel::v1::TREATMENT_HOLD);
  for (const char* text : removed) {
    channel::v1::Verdict v;
    fill(&v, text, channel::v1::TREATMENT_PASS);
    change->add_removals()->set_address(v.address());
    change->mutable_removals(change->removals_size() - 1)->set_prefix_length(32);
  }
  return message;
}

class AgentTest : public testing::Test {
 protected:
  void start_control(bool acknowledge_events = true) {
    control_.emplace(config_.control, acknowledge_events);
  }
  void start_agent() {
    agent_.reset();
    table_ = *verdict::VerdictTable::create({.capacity = 10});
    auto agent = Agent::create(config_, *table_, {&first_queue_, &second_queue_},
                               [](channel::v1::DataPlaneStatus& s) { s.set_events_lost(1000); });
    ASSERT_TRUE(agent.has_value()) << agent.error();
    agent_ = std::move(*agent);
    const auto started = agent_->start();
    ASSERT_TRUE(started.has_value()) << started.error();
  }
  Treatment treatment(const char* text) const {
    return table_->lookup(*IpAddress::parse(text), 0).treatment;
  }
  bool acknowledged(uint64_t version, size_t from = 0) {
    return control_
        ->first([&](const FromDataPlane& m) { return m.ack().version() == version; }, from)
        .has_ack();
  }
  static void report(EventQueue& queue, uint64_t number, uint64_t generation = 0) {
    worker::Event* event = queue.reserve();
    ASSERT_NE(event, nullptr);
    event->message_bytes = number;
    event->set_generation = generation;
    event->rules_count = 1;
    event->rules[0] = 1;
    queue.publish(event);
  }
  // Numbers of the events that control has, each batch counted once.
  static std::multiset<uint64_t> events_of(const FakeControl::Received& received) {
    std::multiset<uint64_t> out;
    std::set<std::pair<std::string, uint64_t>> batches;
    for (const auto& message : received) {
      if (!message.has_events()) continue;
      if (!batches.emplace(message.events().boot(), message.events().batch()).second) continue;
      for (const auto& event : message.events().events()) out.insert(event.message_bytes());
    }
    return out;
  }

  ScratchDirectory scratch_;
  AgentConfig config_{.gate = "gate-1",
                      .software = "test 1",
                      .control = "unix:" + (scratch_ / "control.sock").string(),
                      .verdicts = {.directory = scratch_ / "state"},
                      .events = {.linger = std::chrono::milliseconds(1)},
                      .first_retry = std::chrono::milliseconds(5),
                      .longest_retry = std::chrono::milliseconds(20)};
  EventQueue first_queue_{64}, second_queue_{64};
  std::unique_ptr<verdict::VerdictTable> table_;
  std::optional<FakeControl> control_;
  std::unique_ptr<Agent> agent_;
};

TEST_F(AgentTest, SaysHelloAndWhatItIs) {
  start_control();
  start_agent();
  const auto hello = control_->first([](const FromDataPlane& m) { return m.has_hello(); }).hello();
  EXPECT_EQ(hello.schema(), 1u);
  EXPECT_EQ(hello.gate(), "gate-1");
  EXPECT_EQ(hello.software(), "test 1");
  EXPECT_EQ(hello.epoch(), "");
  const auto status =
      control_->first([](const FromDataPlane& m) { return m.has_status(); }).status();
  EXPECT_EQ(status.verdicts_held(), 0u);
  EXPECT_EQ(status.events_lost(), 1000u);
}

TEST_F(AgentTest, PutsSnapshotsAndDeltasInForceAndAcknowledgesThem) {
  start_control();
  start_agent();
  control_->send(snapshot(5, {"192.0.2.1"}, false));
  control_->send(snapshot(5, {"192.0.2.2"}));
  ASSERT_TRUE(acknowledged(5));
  EXPECT_EQ(treatment("192.0.2.1"), Treatment::kRefuse);
  EXPECT_EQ(treatment("192.0.2.2"), Treatment::kRefuse);
  control_->send(delta(5, 7, {"192.0.2.3"}, {"192.0.2.1"}));
  ASSERT_TRUE(acknowledged(7));
  EXPECT_EQ(treatment("192.0.2.1"), Treatment::kInspect);
  EXPECT_EQ(treatment("192.0.2.3"), Treatment::kHold);
  EXPECT_EQ(agent_->verdicts_in_force().number, 7u);
  const auto status =
      control_->first([](const FromDataPlane& m) { return m.status().verdict_version() == 7; });
  EXPECT_EQ(status.status().verdicts_held(), 2u);
}

TEST_F(AgentTest, BlocksOnPartsOfASenderComeAndGoAndSurviveARestart) {
  const auto user = [](channel::v1::Verdict* v, const char* name) {
    fill(v, "192.0.2.7", channel::v1::TREATMENT_REFUSE);
    v->set_of(channel::v1::SWITCH_SMORF_BLOCK);
    v->set_auth_user(name);
  };
  const auto blocked = [&](const char* name) {
    const auto* narrow = table_->narrow();
    return narrow != nullptr &&
           narrow->on_user(*IpAddress::parse("192.0.2.7"), name, 0).has_value();
  };
  start_control();
  start_agent();
  ToDataPlane all = snapshot(5, {"192.0.2.1"});
  user(all.mutable_snapshot()->add_verdicts(), "bob");
  user(all.mutable_snapshot()->add_verdicts(), "ann");
  control_->send(all);
  ASSERT_TRUE(acknowledged(5));
  EXPECT_TRUE(blocked("bob"));
  EXPECT_TRUE(blocked("ann"));
  EXPECT_EQ(treatment("192.0.2.7"), Treatment::kInspect);
  ToDataPlane change = delta(5, 6, {});
  channel::v1::Verdict bob;
  user(&bob, "bob");
  user(change.mutable_delta()->add_upserts(), "eve");
  channel::v1::Removal* removal = change.mutable_delta()->add_removals();
  removal->set_address(bob.address());
  removal->set_prefix_length(32);
  removal->set_of(bob.of());
  removal->set_auth_user(bob.auth_user());
  control_->send(change);
  ASSERT_TRUE(acknowledged(6));
  EXPECT_FALSE(blocked("bob"));
  EXPECT_TRUE(blocked("ann"));
  EXPECT_TRUE(blocked("eve"));
  const auto status =
      control_->first([](const FromDataPlane& m) { return m.status().verdict_version() == 6; });
  EXPECT_EQ(status.status().verdicts_held(), 3u);
  control_.reset();
  start_agent();
  EXPECT_FALSE(blocked("bob"));
  EXPECT_TRUE(blocked("ann"));
  EXPECT_TRUE(blocked("eve"));
}

TEST_F(AgentTest, AGapIsRefusedAndASnapshotMendsIt) {
  start_control();
  start_agent();
  control_->send(snapshot(5, {"192.0.2.1"}));
  control_->send(delta(6, 7, {"192.0.2.2"}));
  const auto nack = control_->first([](const FromDataPlane& m) { return m.has_nack(); }).nack();
  EXPECT_EQ(nack.epoch(), "e");
  EXPECT_EQ(nack.held_version(), 5u);
  EXPECT_NE(nack.reason().find("version 6"), std::string::npos) << nack.reason();
  control_->send(delta(5, 6, {"192.0.2.3"}));  // said once; not taken before the snapshot
  control_->send(snapshot(9, {"192.0.2.4"}));
  ASSERT_TRUE(acknowledged(9));
  EXPECT_EQ(treatment("192.0.2.4"), Treatment::kRefuse);
  EXPECT_EQ(treatment("192.0.2.3"), Treatment::kInspect);
  EXPECT_TRUE(control_->wait([](const FakeControl::Received& all) {
    return std::ranges::count_if(all, [](const auto& m) { return m.has_nack(); }) == 1;
  }));
}

TEST_F(AgentTest, AChangeOfAnotherEpochIsRefused) {
  start_control();
  start_agent();
  control_->send(snapshot(5, {"192.0.2.1"}, true, "other"));
  control_->send(delta(5, 6, {"192.0.2.2"}));
  EXPECT_TRUE(control_->first([](const FromDataPlane& m) { return m.has_nack(); }).has_nack());
  EXPECT_EQ(treatment("192.0.2.1"), Treatment::kRefuse);
}

TEST_F(AgentTest, WhatDoesNotFitOrCannotBeReadIsRefusedAndNothingIsLost) {
  start_control();
  start_agent();
  control_->send(snapshot(1, {"192.0.2.1"}));
  ASSERT_TRUE(acknowledged(1));
  const char* eleven[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4",  "10.0.0.5", "10.0.0.6",
                          "10.0.0.7", "10.0.0.8", "10.0.0.9", "10.0.0.10", "10.0.0.11"};
  control_->send(snapshot(2, {std::begin(eleven), std::end(eleven)}));
  const auto too_many = control_->first([](const FromDataPlane& m) { return m.has_nack(); });
  EXPECT_NE(too_many.nack().reason().find("capacity"), std::string::npos);
  EXPECT_EQ(too_many.nack().held_version(), 1u);
  const size_t before = control_->received();
  ToDataPlane strange = snapshot(3, {"192.0.2.2"});
  strange.mutable_snapshot()->mutable_verdicts(0)->set_prefix_length(40);
  control_->send(strange);
  const auto unreadable =
      control_->first([](const FromDataPlane& m) { return m.has_nack(); }, before);
  EXPECT_NE(unreadable.nack().reason().find("0 to 32"), std::string::npos);
  EXPECT_EQ(treatment("192.0.2.1"), Treatment::kRefuse);
  EXPECT_EQ(table_->size(), 1u);
}

TEST_F(AgentTest, EnforcesWhileControlIsDeadAndComesBackToIt) {
  start_control();
  start_agent();
  control_->send(snapshot(5, {"192.0.2.1"}));
  ASSERT_TRUE(acknowledged(5));
  control_->kill();
  ASSERT_TRUE(eventually([&] { return !agent_->attached(); }));
  EXPECT_EQ(treatment("192.0.2.1"), Treatment::kRefuse);
  start_control();
  const auto hello = control_->first([](const FromDataPlane& m) { return m.has_hello(); }).hello();
  EXPECT_EQ(hello.epoch(), "e");
  EXPECT_EQ(hello.version(), 5u);
  control_->send(delta(5, 6, {"192.0.2.2"}));
  EXPECT_TRUE(acknowledged(6));
}

TEST_F(AgentTest, HalfASnapshotOfADeadControlIsForgotten) {
  start_control();
  start_agent();
  control_->send(snapshot(5, {"192.0.2.1"}, false));
  control_->kill();
  ASSERT_TRUE(eventually([&] { return !agent_->attached(); }));
  start_control();
  control_->send(snapshot(5, {"192.0.2.2"}));
  ASSERT_TRUE(acknowledged(5));
  EXPECT_EQ(table_->size(), 1u);
  EXPECT_EQ(treatment("192.0.2.1"), Treatment::kInspect);
}

TEST_F(AgentTest, ARestartWithoutControlBringsTheVerdictsBack) {
  start_control();
  start_agent();
  control_->send(snapshot(5, {"192.0.2.1"}));
  control_->send(delta(5, 6, {"192.0.2.2"}));
  ASSERT_TRUE(acknowledged(6));
  control_.reset();
  start_agent();
  EXPECT_EQ(treatment("192.0.2.1"), Treatment::kRefuse);
  EXPECT_EQ(treatment("192.0.2.2"), Treatment::kHold);
  start_control();
  const auto hello = control_->first([](const FromDataPlane& m) { return m.has_hello(); }).hello();
  EXPECT_EQ(hello.version(), 6u);
}

TEST_F(AgentTest, ADamagedVerdictFileMeansNoneUntilControlSendsThem) {
  start_control();
  start_agent();
  control_->send(snapshot(5, {"192.0.2.1"}));
  ASSERT_TRUE(acknowledged(5));
  agent_.reset();
  std::filesystem::resize_file(scratch_ / "state" / "verdicts", 30);
  const size_t before = control_->received();
  start_agent();
  EXPECT_EQ(treatment("192.0.2.1"), Treatment::kInspect);
  const auto hello =
      control_->first([](const FromDataPlane& m) { return m.has_hello(); }, before).hello();
  EXPECT_EQ(hello.epoch(), "");
  EXPECT_EQ(hello.version(), 0u);
  control_->send(snapshot(6, {"192.0.2.1"}));
  ASSERT_TRUE(acknowledged(6));
  EXPECT_EQ(treatment("192.0.2.1"), Treatment::kRefuse);
}

TEST_F(AgentTest, HandsOverTheEventsOfAllWorkersWithTheirRulesByName) {
  start_control();
  start_agent();
  agent_->signature_set_in_force({1, "digest-1", "one.psig", {"A", "OLD"}});
  agent_->signature_set_in_force({2, "digest-2", "two.psig", {"A", "NEW"}});
  report(first_queue_, 1, 1);
  report(second_queue_, 2, 2);
  report(second_queue_, 3, 3);
  ASSERT_TRUE(control_->wait([](const auto& all) { return events_of(all).size() == 3; }));
  std::map<uint64_t, std::pair<std::string, std::string>> got;
  control_->wait([&](const auto& all) {
    for (const auto& message : all) {
      for (const auto& event : message.events().events()) {
        got[event.message_bytes()] = {event.rules(0), event.signature_set()};
      }
    }
    return true;
  });
  EXPECT_EQ(got[1], std::pair(std::string("OLD"), std::string("digest-1")));
  EXPECT_EQ(got[2], std::pair(std::string("NEW"), std::string("digest-2")));
  EXPECT_EQ(got[3], std::pair(std::string("rule 1"), std::string("")));
  EXPECT_TRUE(eventually([&] { return agent_->events_spooled() == 0; }));
}

TEST_F(AgentTest, EventsThatControlDidNotKeepAreSentAgainUnderTheirNumbers) {
  start_control(false);
  start_agent();
  report(first_queue_, 1);
  ASSERT_TRUE(control_->wait([](const auto& all) { return events_of(all).size() == 1; }));
  const auto lost = control_->first([](const FromDataPlane& m) { return m.has_events(); }).events();
  control_->kill();
  ASSERT_TRUE(eventually([&] { return !agent_->attached(); }));
  report(first_queue_, 2);
  start_control();
  ASSERT_TRUE(control_->wait([](const auto& all) {
    return events_of(all) == std::multiset<uint64_t>{1, 2};
  }));
  const auto again =
      control_->first([](const FromDataPlane& m) { return m.has_events(); }).events();
  EXPECT_EQ(again.boot(), lost.boot());
  EXPECT_EQ(again.batch(), lost.batch());
  EXPECT_EQ(again.SerializeAsString(), lost.SerializeAsString());
  EXPECT_TRUE(eventually([&] { return agent_->events_spooled() == 0; }));
}

TEST_F(AgentTest, WhatTheSpoolCannotTakeIsCountedAndReported) {
  config_.events.capacity = 3;
  start_agent();
  for (uint64_t n = 1; n <= 5; ++n) report(first_queue_, n);
  ASSERT_TRUE(eventually([&] { return agent_->events_lost() == 2; }));
  EXPECT_EQ(agent_->events_spooled(), 3u);
  start_control();
  ASSERT_TRUE(control_->wait([](const auto& all) {
    return events_of(all) == std::multiset<uint64_t>{1, 2, 3};
  }));
  const auto status = control_->first([](const FromDataPlane& m) { return m.has_status(); });
  EXPECT_EQ(status.status().events_lost(), 1002u);
}

TEST_F(AgentTest, StoppingHandsOverWhatIsStillInTheQueues) {
  config_.drain_every = std::chrono::hours(1);
  config_.events.linger = std::chrono::hours(1);
  start_control();
  start_agent();
  ASSERT_TRUE(control_->wait([](const auto& all) { return !all.empty(); }));
  for (uint64_t n = 1; n <= 3; ++n) report(first_queue_, n);
  agent_->stop();
  EXPECT_TRUE(control_->wait([](const auto& all) { return events_of(all).size() == 3; }));
}

TEST_F(AgentTest, WithoutControlStoppingDoesNotWait) {
  config_.farewell = std::chrono::hours(1);
  start_agent();
  report(first_queue_, 1);
  agent_->stop();
}

TEST_F(AgentTest, VerdictsOnDiskThatDoNotFitAreAnErrorOfTheConfiguration) {
  start_control();
  start_agent();
  control_->send(snapshot(5, {"192.0.2.1", "192.0.2.2"}));
  ASSERT_TRUE(acknowledged(5));
  agent_.reset();
  auto small = *verdict::VerdictTable::create({.capacity = 1});
  auto agent = *Agent::create(config_, *small, {}, {});
  const auto started = agent->start();
  ASSERT_FALSE(started.has_value());
  EXPECT_NE(started.error().find("capacity"), std::string::npos) << started.error();
}

}  // namespace
}  // namespace postern::agent
