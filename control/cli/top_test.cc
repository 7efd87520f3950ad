#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/cli/commands_fixture.h"
#include "control/cli/table.h"
#include "control/cli/top_view.h"

namespace postern::cli {
namespace {

using namespace channel::v1;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Look = TopLine::Look;

constexpr uint64_t kLooked_ms = 1'700'000'002'000;

void count(AttachedDataPlane& gate, const char* name, uint64_t value) {
  DataPlaneStatus& status = *gate.mutable_status();
  WorkerStatus& worker =
      status.workers().empty() ? *status.add_workers() : *status.mutable_workers(0);
  CounterValue& counter = *worker.add_counters();
  counter.set_name(name);
  counter.set_value(value);
}

void send(TopFrame& frame, const char* address, uint64_t messages, uint64_t spam,
          const char* customer = "") {
  Sender& sender = *frame.senders.add_senders();
  sender.set_address(address);
  sender.set_customer(customer);
  sender.mutable_counts()->set_messages(messages);
  sender.mutable_counts()->set_refused_spam(spam);
}

TopFrame looked(uint64_t forwarded = 100, uint64_t refused = 20) {
  TopFrame frame{.at_unix_ms = kLooked_ms};
  frame.status.set_software("0.1.0");
  frame.status.set_version(48);
  AttachedDataPlane& gate = *frame.status.add_data_planes();
  gate.set_gate("edge-1");
  gate.set_attached(true);
  gate.set_acknowledged_version(48);
  gate.mutable_status()->set_signature_set("starter.psig 3fa4");
  count(gate, "messages_seen", forwarded + refused);
  count(gate, "messages_forwarded", forwarded);
  count(gate, "messages_refused_content", refused);
  count(gate, "frames_in", 5000);
  send(frame, "192.0.2.7", 50, 5, "Example Ltd");
  send(frame, "192.0.2.8", 10, 9);
  send(frame, "192.0.2.9", 40, 8);
  return frame;
}

std::vector<std::string> texts(const std::vector<TopLine>& lines) {
  std::vector<std::string> out;
  for (const TopLine& line : lines) out.push_back(line.text);
  return out;
}
std::string all(const std::vector<TopLine>& lines) {
  std::string out;
  for (const TopLine& line : lines) out += line.text + "\n";
  return out;
}

// In two seconds 30 forwarded and 6 refused: 18 messages a second, 3 of them refused.
TEST(Top, RatesAreWhatWasCountedBetweenTwoLooks) {
  TopFrame before = looked(100, 20);
  before.at_unix_ms -= 2000;
  const auto rates = top_rates(before, looked(130, 26));
  ASSERT_EQ(rates.size(), 1u);
  EXPECT_DOUBLE_EQ(rates.at("edge-1").messages, 18);
  EXPECT_DOUBLE_EQ(rates.at("edge-1").refused, 3);
  // A data plane that began anew counts from 0: nothing is known.
  EXPECT_THAT(top_rates(before, looked(10, 2)), IsEmpty());
  EXPECT_THAT(top_rates(TopFrame{}, TopFrame{}), IsEmpty());
}

TEST(Top, ShowsDataPlanesCasesAndSenders) {
  TopFrame frame = looked();
  CaseSummary& one = *frame.cases.add_cases();
  one.set_state("open");
  *frame.cases.add_cases() = one;
  frame.cases.add_cases()->set_state("probation");
  const auto lines = texts(top_lines(frame, {{"edge-1", {18, 3}}}, {.columns = 100}));
  ASSERT_EQ(lines.size(), 9u);
  EXPECT_THAT(lines[0], testing::StartsWith("postern 0.1.0, 20"));
  EXPECT_EQ(lines[1], "edge-1: 18.0 messages/s, 3.0 refused/s, version 48, starter.psig 3fa4");
  EXPECT_EQ(lines[2], "cases: 2 open, 1 probation");
  EXPECT_THAT(lines[4], HasSubstr("by messages"));
  EXPECT_EQ(lines[5],
            "SENDER     MESSAGES  SPAM  SHARE  BLOCKED  DEFERRED  IN FORCE  CASE  CUSTOMER");
  EXPECT_EQ(lines[6],
            "192.0.2.7  50        5     10 %   0        0         -               Example Ltd");
  EXPECT_EQ(lines[7], "192.0.2.9  40        8     20 %   0        0         -");
}

TEST(Top, SortsByWhatIsAskedFor) {
  const auto first_three = [](TopOrder order) {
    const auto lines = texts(top_lines(looked(), {}, {.columns = 100, .order = order}));
    return std::vector{lines[6].substr(0, 9), lines[7].substr(0, 9), lines[8].substr(0, 9)};
  };
  EXPECT_THAT(first_three(TopOrder::kSpam), ElementsAre("192.0.2.8", "192.0.2.9", "192.0.2.7"));
  EXPECT_THAT(first_three(TopOrder::kShare), ElementsAre("192.0.2.8", "192.0.2.9", "192.0.2.7"));
  EXPECT_THAT(first_three(TopOrder::kMessages), ElementsAre("192.0.2.7", "192.0.2.9", "192.0.2.8"));
  EXPECT_THAT(first_three(TopOrder::kAddress), ElementsAre("192.0.2.7", "192.0.2.8", "192.0.2.9"));
}

TEST(Top, ANarrowScreenHasFewerColumns) {
  for (const size_t columns : {60u, 40u, 20u, 8u, 1u}) {
    for (const TopLine& line : top_lines(looked(), {}, {.columns = columns}))
      EXPECT_LE(width(line.text), columns) << line.text;
  }
  const auto lines = texts(top_lines(looked(), {}, {.columns = 40}));
  EXPECT_EQ(lines[5], "SENDER     MESSAGES  SPAM  IN FORCE");
  EXPECT_EQ(texts(top_lines(looked(), {}, {.columns = 20}))[5], "SENDER     SPAM");
}

TEST(Top, AShortScreenIsScrolled) {
  const auto lines = texts(top_lines(looked(), {}, {.columns = 100, .rows = 7, .scroll = 1}));
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_THAT(lines[6], testing::StartsWith("192.0.2.9"));
  EXPECT_THAT(texts(top_lines(looked(), {}, {.columns = 100, .scroll = 99})).back(),
              testing::StartsWith("192.0.2.8"));
}

TEST(Top, TroubleIsAnAlarm) {
  TopFrame frame = looked();
  frame.away = "the control process at /x does not answer";
  frame.status.mutable_data_planes(0)->set_acknowledged_version(47);
  const auto lines = top_lines(frame, {}, {.columns = 100});
  EXPECT_EQ(lines[1], (TopLine{frame.away, Look::kAlarm}));
  EXPECT_EQ(lines[2].look, Look::kAlarm);
  EXPECT_THAT(lines[2].text, HasSubstr("version 47 of 48"));
  frame.status.mutable_data_planes(0)->set_attached(false);
  EXPECT_EQ(top_lines(frame, {}, {.columns = 100})[2].text, "edge-1: NOT ATTACHED");
  EXPECT_THAT(all(top_lines(TopFrame{.away = "nobody"}, {}, {})), HasSubstr("nobody"));
}

TEST(Top, WhatOthersWroteDrivesNoTerminal) {
  TopFrame frame = looked();
  send(frame, "192.0.2.10", 1, 0, "\x1b]0;owned\x07\u202e\xff");
  for (const TopLine& line : top_lines(frame, {}, {.columns = 200}))
    EXPECT_THAT(std::vector<char>(line.text.begin(), line.text.end()),
                Each(testing::Truly([](char c) { return static_cast<unsigned char>(c) >= 0x20; })));
  const std::string text = all(top_lines(frame, {}, {.columns = 200}));
  EXPECT_THAT(text, HasSubstr(R"(\x1b]0;owned\x07\xe2\x80\xae)"));
}

// In columns: the name of a gate is wide, too, and cut behind a whole character.
TEST(Top, WideNamesFitTheScreen) {
  TopFrame frame = looked();
  frame.status.mutable_data_planes(0)->set_gate("\u6771\u4eac\u6771\u4eac\u6771\u4eac");
  EXPECT_EQ(top_lines(frame, {}, {.columns = 8})[1].text, "\u6771\u4eac\u6771…");
  send(frame, "192.0.2.10", 60, 0, "\u6771\u4eac\u682a\u5f0f\u4f1a\u793e");  // 12 columns
  // The other columns take 70; the first one to be left out is DEFERRED.
  EXPECT_THAT(texts(top_lines(frame, {}, {.columns = 82}))[5], HasSubstr("DEFERRED"));
  EXPECT_THAT(texts(top_lines(frame, {}, {.columns = 81}))[5], testing::Not(HasSubstr("DEFERRED")));
}

TEST(Top, HelpNamesTheKeys) {
  const std::string text = all(top_lines(looked(), {}, {.help = true}));
  EXPECT_THAT(text, HasSubstr("q  quit"));
  EXPECT_THAT(text, testing::Not(HasSubstr("192.0.2.7")));
}

using TopCommandTest = CommandsTest;

TEST_F(TopCommandTest, PrintsOnceWhereThereIsNoTerminal) {
  EventBatch batch;
  batch.set_batch(1);
  Event& event = *batch.add_events();
  event.set_kind("message");
  event.set_outcome("refused_content");
  event.set_client("192.0.2.7");
  const auto now_s = static_cast<uint64_t>(std::time(nullptr));
  event.set_wall_us(now_s * 1'000'000);
  ASSERT_TRUE(ledger_->store_events("edge-1", batch, now_s));
  const Outcome text = run({"top", "--every", "100ms"});
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.out, HasSubstr("no data plane has attached"));
  EXPECT_THAT(text.out, HasSubstr("\n192.0.2.7  1         1     100 %"));
  const Outcome json = run({"top", "--once", "--json", "--every", "100ms"});
  EXPECT_EQ(nlohmann::json::parse(json.out)["senders"][0]["address"], "192.0.2.7");
}

TEST_F(TopCommandTest, SaysWhatIsWrong) {
  EXPECT_EQ(run({"top", "--once", "--every", "1ms"}).code, 2);
  EXPECT_EQ(run({"top", "--by", "size"}).code, 2);
  const Outcome away = run({"top", "--once", "--socket", "/nowhere"});
  EXPECT_EQ(away.code, 3);
  EXPECT_THAT(away.err, HasSubstr("no control process answers at /nowhere"));
}

}  // namespace
}  // namespace postern::cli
