// Which connections get a flow, which pass without, and who gives way when there is too little of
// something.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/worker/connection_filter.h"
#include "dataplane/worker/handshakes.h"
#include "dataplane/worker/overload.h"
#include "dataplane/worker/testing/wire.h"

namespace postern::worker {
namespace {

using packet::kAck;
using packet::kPsh;
using packet::kRst;
using packet::kSyn;
using packet::Side;
using testing::as_sent;
using testing::Dialogue;
using ::testing::IsEmpty;
using testing::kHam;
using testing::kSpam;
using testing::Packet;
using testing::Sent;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::Wire;
using verdict::Treatment;

// A client of its own for each n.
Dialogue client(Wire& wire, uint32_t n, uint16_t port = 40000) {
  Dialogue d(wire, port, 1000 * n, 5000 * n);
  d.client_name = "10.0." + std::to_string(n / 250) + "." + std::to_string(n % 250 + 1) + ":" +
                  std::to_string(port);
  return d;
}

TEST(Handshakes, TheOldestOfABucketGivesWayAndAgeEndsThem) {
  Handshakes handshakes(8, 75);  // one bucket
  for (uint64_t i = 1; i <= 8; ++i) {
    EXPECT_FALSE(handshakes.remember({.connection = i * 16}, i * 1'000'000));
  }
  EXPECT_FALSE(handshakes.remember({.connection = 16}, 9'000'000));  // renewed
  EXPECT_TRUE(handshakes.remember({.connection = 9 * 16}, 10'000'000));
  EXPECT_EQ(handshakes.find(2 * 16, 10'000'000), nullptr);
  EXPECT_NE(handshakes.find(16, 10'000'000), nullptr);
  EXPECT_NE(handshakes.find(3 * 16, 78'000'000), nullptr);
  EXPECT_EQ(handshakes.find(3 * 16, 78'001'000), nullptr);
  EXPECT_FALSE(handshakes.remember({.connection = 10 * 16}, 79'000'000));  // in place of the third
  handshakes.forget(16);
  EXPECT_EQ(handshakes.find(16, 79'000'000), nullptr);
}

TEST(ConnectionFilter, RemembersForOneToTwoGenerations) {
  ConnectionFilter filter(1 << 16, 1'000'000);
  filter.insert(0x1234567890abcdef, 5'000'000);
  EXPECT_FALSE(filter.contains(0xfedcba0987654321, 5'000'000));
  EXPECT_TRUE(filter.contains(0x1234567890abcdef, 6'500'000));  // which renews it
  EXPECT_TRUE(filter.contains(0x1234567890abcdef, 7'900'000));
  EXPECT_FALSE(filter.contains(0x1234567890abcdef, 9'900'000 + 100'000'000));
}

TEST(Overload, IsToFindNothingButFullBursts) {
  Overload overload;
  for (uint32_t i = 1; i < Overload::kFullBursts; ++i) EXPECT_FALSE(overload.after(true));
  EXPECT_TRUE(overload.after(true));
  EXPECT_TRUE(overload.after(true));
  EXPECT_FALSE(overload.after(false));
  EXPECT_FALSE(overload.after(true));
}

TEST(Admission, AHandshakeCostsNoFlowUntilTheClientAnswers) {
  Wire wire;
  for (uint32_t n = 0; n < 100; ++n) {
    const Dialogue d = client(wire, n);
    wire.from_client({.from = d.client_name, .seq = 7, .flags = kSyn});
    EXPECT_THAT(wire.from_server({.from = d.server_name,
                                  .to = d.client_name,
                                  .seq = 70,
                                  .ack = 8,
                                  .flags = kSyn | kAck}),
                SizeIs(1));
  }
  EXPECT_EQ(wire.pipeline->flows(), 0u);
  const Dialogue last = client(wire, 99);
  wire.from_client({.from = last.client_name, .seq = 8, .ack = 71, .flags = kAck});
  EXPECT_EQ(wire.pipeline->flows(), 1u);
}

TEST(Admission, AnAckThatDoesNotFitCompletesNothing) {
  Wire wire;
  const Dialogue d = client(wire, 1);
  wire.from_client({.from = d.client_name, .seq = 7, .flags = kSyn});
  wire.from_server(
      {.from = d.server_name, .to = d.client_name, .seq = 70, .ack = 8, .flags = kSyn | kAck});
  // The connection began under our eyes: nothing of it passes for older than us.
  const Packet wrong{.from = d.client_name, .seq = 8, .ack = 72, .payload = "SPAM-HERE\r\n.\r\n"};
  std::string to_server;
  for (const auto& sent : wire.from_client(wrong)) to_server += sent.segment.payload;
  EXPECT_EQ(to_server, "");
  EXPECT_EQ(wire.counters.get(Counter::kSegmentsUnknown), 1u);
  EXPECT_EQ(wire.pipeline->flows(), 0u);
}

TEST(Admission, TheFirstAckMayCarryDataAndComeOutOfOrder) {
  // The data itself waits until the server has spoken.
  Wire wire;
  Dialogue d = client(wire, 1);
  wire.from_client({.from = d.client_name, .seq = 7, .flags = kSyn});
  wire.from_server(
      {.from = d.server_name, .to = d.client_name, .seq = 70, .ack = 8, .flags = kSyn | kAck});
  d.client_next = 8 + 4;
  d.server_next = 71;
  EXPECT_THAT(d.client(" x\r\n"), IsEmpty());
  EXPECT_EQ(wire.pipeline->flows(), 1u);
  EXPECT_EQ(wire.counters.get(Counter::kDropUnconfirmed), 1u);
}

const Packet kMiddle{.seq = 77, .ack = 88, .payload = "SPAM-HERE\r\n.\r\n"};

TEST(MidStream, PassesUntouchedAfterOurStartAndForAsLongAsItGoesOn) {
  Wire wire;
  EXPECT_EQ(wire.from_client(kMiddle), as_sent(kMiddle, Side::kOutside));
  wire.from_server({.from = kMiddle.to, .to = kMiddle.from, .seq = 88, .ack = 91});
  EXPECT_EQ(wire.counters.get(Counter::kFramesMidStream), 2u);
  for (int i = 0; i < 3; ++i) {
    wire.wait(1'500'000);
    EXPECT_EQ(wire.from_client(kMiddle), as_sent(kMiddle, Side::kOutside));
  }
  EXPECT_EQ(wire.counters.get(Counter::kFramesNotInspected), 3u);
}

TEST(MidStream, LaterNothingPassesForOlderThanUs) {
  Wire wire;
  wire.from_client({.from = "192.0.2.9:1", .flags = kSyn});
  wire.wait(901'000);
  const auto sent = wire.from_client(kMiddle);
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[0].segment.flags, kRst | kAck);
  EXPECT_EQ(sent[0].segment.seq, 77u);
  EXPECT_EQ(sent[1].segment.payload, "");
  EXPECT_EQ(wire.counters.get(Counter::kSegmentsUnknown), 1u);
  // The server's own RST tells the client.
  EXPECT_THAT(wire.from_server({.from = kMiddle.to, .to = kMiddle.from, .seq = 88, .flags = kRst}),
              SizeIs(1));
}

TEST(MidStream, CanBeResetFromTheStart) {
  PipelineConfig config = Wire::small();
  config.mid_stream = MidStream::kReset;
  Wire wire(config);
  const auto sent = wire.from_client(kMiddle);
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[0].segment.flags, kRst | kAck);
  EXPECT_EQ(sent[1].segment.payload, "");
}

TEST(MidStream, AConnectionThatWeForgotIsNotOne) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  wire.wait(610'000);
  EXPECT_EQ(wire.pipeline->flows(), 0u);
  for (const auto& sent : d.client(kSpam)) EXPECT_EQ(sent.segment.payload, "");
}

TEST(MidStream, AConnectionUnderTlsThatWeForgotGoesOn) {
  Wire wire;
  Dialogue d(wire);
  d.open();
  d.server("220 mx\r\n");
  d.client("EHLO x\r\n");
  d.server("250-mx\r\n250 STARTTLS\r\n");
  d.client("STARTTLS\r\n");
  d.server("220 2.0.0 Ready\r\n");
  wire.wait(610'000);
  EXPECT_EQ(wire.pipeline->flows(), 0u);
  const Packet record = d.client_packet("\x17\x03\x03");
  EXPECT_EQ(wire.from_client(record), as_sent(record, Side::kOutside));
}

TEST(Admission, EachSynOfABurstMeetsTheVerdictOnItsSender) {
  Wire wire;
  wire.verdicts.others[*IpAddress::parse("10.0.0.1")] = {.treatment = Treatment::kRefuse};
  wire.verdicts.others[*IpAddress::parse("10.0.0.3")] = {.treatment = Treatment::kDrop};
  std::vector<Packet> burst;
  // Between them what is no SYN, and what is no mail.
  for (const char* from : {"10.0.0.1:1024", "10.0.0.2:1024", "10.0.0.3:1024", "10.0.0.4:1024"}) {
    burst.push_back({.from = from, .flags = kSyn});
    burst.push_back({.from = from, .to = "198.51.100.1:443", .flags = kSyn});
    burst.push_back({.from = "10.0.0.9:1024", .seq = 7, .ack = 9, .flags = kAck});
  }
  wire.in_burst(burst, Side::kInside);
  EXPECT_EQ(wire.counters.get(Counter::kSynsAnswered), 1u);
  EXPECT_EQ(wire.counters.get(Counter::kDropVerdict), 1u);
  EXPECT_EQ(wire.counters.get(Counter::kFramesNotMail), 4u);
  const auto left = wire.in_burst({{.from = "10.0.0.4:1025", .flags = kSyn},
                                   {.from = "10.0.0.1:1025", .flags = kSyn},
                                   {.from = "10.0.0.2:1025", .flags = kSyn}},
                                  Side::kInside);
  ASSERT_THAT(left, SizeIs(3));
  EXPECT_EQ(left[0].out, Side::kOutside);
  EXPECT_EQ(left[1].out, Side::kInside);
  EXPECT_EQ(left[1].segment.to, "10.0.0.1:1025");
  EXPECT_EQ(left[2].out, Side::kOutside);
}

struct Blocked : ::testing::Test {
  Blocked() {
    wire.verdicts.verdict = {.treatment = Treatment::kRefuse, .case_reference = CaseReference{42}};
  }
  Wire wire;
};

TEST_F(Blocked, AFloodOfSynsCostsNothing) {
  for (uint32_t n = 0; n < 1000; ++n) {
    EXPECT_THAT(wire.from_client({.from = "10.1.2.3:" + std::to_string(1024 + n), .flags = kSyn}),
                SizeIs(1));
  }
  EXPECT_EQ(wire.pipeline->flows(), 0u);
  EXPECT_THAT(wire.events.events, IsEmpty());
  EXPECT_EQ(wire.counters.get(Counter::kSynsAnswered), 1000u);
}

TEST_F(Blocked, OnlyAnAckOfOurSynAckMakesAConnection) {
  const auto sent = wire.from_client({.seq = 10, .flags = kSyn});
  ASSERT_THAT(sent, SizeIs(1));
  const uint32_t ours = sent[0].segment.seq;
  wire.from_client({.seq = 11, .ack = ours + 2, .flags = kAck});
  wire.from_client({.seq = 12, .ack = ours + 1, .flags = kAck});
  wire.from_client({.from = "192.0.2.7:40001", .seq = 11, .ack = ours + 1, .flags = kAck});
  EXPECT_EQ(wire.pipeline->flows(), 0u);
  wire.wait(100'000);
  const auto greeting = wire.from_client({.seq = 11, .ack = ours + 1, .flags = kAck});
  ASSERT_THAT(greeting, SizeIs(1));
  EXPECT_THAT(greeting[0].segment.payload, StartsWith("220 "));
  EXPECT_EQ(wire.pipeline->flows(), 1u);
}

TEST_F(Blocked, AnUnansweredSynAckIsRepeatedThreeTimes) {
  const auto sent = wire.from_client({.seq = 10, .flags = kSyn});
  const auto repeated = wire.wait(20'000);
  ASSERT_THAT(repeated, SizeIs(3));
  for (const auto& again : repeated) EXPECT_EQ(again, sent[0]);
}

TEST_F(Blocked, AnAnsweredOneIsNotAndTimestampsGoOn) {
  const auto sent =
      wire.from_client({.seq = 10, .flags = kSyn, .timestamps = packet::Timestamps{7, 0}});
  ASSERT_TRUE(sent[0].timestamps);
  EXPECT_EQ(sent[0].timestamps->echo, 7u);
  wire.wait(500);
  const auto greeting = wire.from_client({.seq = 11,
                                          .ack = sent[0].segment.seq + 1,
                                          .flags = kAck,
                                          .timestamps = packet::Timestamps{8, 0}});
  ASSERT_THAT(greeting, SizeIs(1));
  EXPECT_EQ(greeting[0].timestamps->value, sent[0].timestamps->value + 500);
  EXPECT_EQ(greeting[0].timestamps->echo, 8u);
  wire.from_client(
      {.seq = 11,
       .ack = sent[0].segment.seq + 1 + static_cast<uint32_t>(greeting[0].segment.payload.size()),
       .flags = kAck,
       .timestamps = packet::Timestamps{9, 0}});
  EXPECT_THAT(wire.wait(5'000), IsEmpty());
}

// One host takes all that it can get of something; another still gets its turn.
struct Greedy : ::testing::Test {
  Wire wire;
};

TEST_F(Greedy, WithFlows) {
  std::vector<Dialogue> greedy;
  for (uint16_t i = 0; i < 16; ++i) {
    greedy.push_back(client(wire, 1, static_cast<uint16_t>(50000 + i)));
    greedy.back().open();
  }
  EXPECT_EQ(wire.pipeline->flows(), 8u);  // of 16
  EXPECT_EQ(wire.counters.get(Counter::kDropHostShare), 8u);
  Dialogue other = client(wire, 2);
  other.until_data();
  EXPECT_THAT(other.client(kSpam), SizeIs(3));
}

// Ports used again take no place from anybody.
TEST_F(Greedy, MayRenewWhatItHas) {
  std::vector<Dialogue> greedy;
  for (uint16_t i = 0; i < 8; ++i) {
    greedy.push_back(client(wire, 1, static_cast<uint16_t>(50000 + i)));
    greedy.back().open();
  }
  Dialogue again = client(wire, 1, 50000);
  again.client_next = 700'000;
  again.server_next = 800'000;
  again.open();
  EXPECT_EQ(wire.pipeline->flows(), 8u);
  EXPECT_EQ(wire.counters.get(Counter::kFlowsReplaced), 1u);
  EXPECT_EQ(wire.counters.get(Counter::kDropHostShare), 0u);
}

TEST_F(Greedy, WithMessages) {
  std::vector<Dialogue> greedy;
  for (uint16_t i = 0; i < 4; ++i) {
    greedy.push_back(client(wire, 1, static_cast<uint16_t>(50000 + i)));
    greedy.back().until_recipient();
    greedy.back().client("DATA\r\n");
  }
  EXPECT_EQ(wire.pipeline->messages_in_flight(), 2u);  // of 4
  EXPECT_EQ(wire.counters.get(Counter::kDropHostShare), 2u);
  Dialogue other = client(wire, 2);
  other.until_data();
  EXPECT_THAT(other.client(kHam), SizeIs(1));
}

TEST(GreedyAlone, WithHeldBytes) {
  PipelineConfig config = Wire::small();
  config.messages_in_flight = 32;
  Wire wire(config);
  // Gaps everywhere: of 256 buffers 32 a flow.
  std::vector<Dialogue> greedy;
  for (uint16_t i = 0; i < 8; ++i) {
    greedy.push_back(client(wire, 1, static_cast<uint16_t>(50000 + i)));
    Dialogue& d = greedy.back();
    d.until_data();
    ++d.client_next;
    for (int n = 0; n < 40; ++n) d.client("x");
  }
  EXPECT_GT(wire.counters.get(Counter::kDropOutOfOrderCap), 0u);
  EXPECT_GT(wire.counters.get(Counter::kDropHostShare), 0u);
  EXPECT_EQ(wire.counters.get(Counter::kDropHeldCap), 0u);
  Dialogue other = client(wire, 2);
  other.until_data();
  EXPECT_THAT(other.client(kHam), SizeIs(1));
}

TEST(Eviction, TakesWhatIsOverThenWhatIsSilentAndTellsTheServer) {
  PipelineConfig config = Wire::small();
  config.flows = 3;
  Wire wire(config);
  Dialogue sending = client(wire, 1), silent = client(wire, 2), reset = client(wire, 3);
  for (Dialogue* d : {&sending, &silent, &reset}) d->until_data();
  EXPECT_EQ(wire.pipeline->flows(), 3u);
  sending.client("Subject: under way\r\n");
  silent.client(kHam);
  silent.server("250 ok\r\n");
  reset.client("", kRst);
  Dialogue fourth = client(wire, 4), fifth = client(wire, 5), sixth = client(wire, 6);
  fourth.until_data();
  EXPECT_EQ(wire.counters.get(Counter::kFlowsEvicted), 1u);
  fifth.open();  // the silent one is not silent for long yet
  EXPECT_EQ(wire.counters.get(Counter::kDropFlowCap), 1u);
  wire.wait(5'000);
  fifth.client_next = 5001;
  const auto sent = wire.from_client(fifth.client_packet("", kAck));
  EXPECT_EQ(wire.counters.get(Counter::kFlowsEvicted), 2u);
  ASSERT_THAT(sent, SizeIs(2));
  EXPECT_EQ(sent[0].segment.from, silent.client_name);
  EXPECT_EQ(sent[0].segment.flags, kRst | kAck);
  // Whose message is under way stays.
  wire.wait(5'000);
  EXPECT_THAT(sending.client("text\r\n.\r\n"), SizeIs(1));
  EXPECT_EQ(wire.counters.get(Counter::kMessagesForwarded), 2u);
}

TEST(FailMode, MemoryOpenLetsThroughWhatFindsNone) {
  for (const FailMode mode : {FailMode::kClosed, FailMode::kOpen}) {
    const bool open = mode == FailMode::kOpen;
    PipelineConfig config = Wire::small();
    config.on_memory_cap = mode;
    {
      SCOPED_TRACE("flows");
      config.flows = 1;
      Wire wire(config);
      Dialogue first = client(wire, 1), second = client(wire, 2);
      first.until_data();
      first.client("Subject: under way\r\n");
      second.open();
      second.server("220 mx\r\n");
      const Packet said = second.client_packet("SPAM-HERE\r\n");
      EXPECT_EQ(wire.from_client(said) == as_sent(said, Side::kOutside), open);
      EXPECT_EQ(wire.counters.get(Counter::kConnectionsLetThrough), open ? 1u : 0u);
      config.flows = 16;
    }
    {
      SCOPED_TRACE("messages");
      config.messages_in_flight = 1;
      Wire wire(config);
      Dialogue first = client(wire, 1), second = client(wire, 2);
      first.until_data();
      second.until_recipient();
      const Packet data = second.client_packet("DATA\r\n");
      wire.from_client(data);
      EXPECT_EQ(wire.from_client(data) == as_sent(data, Side::kOutside), open);
      EXPECT_EQ(wire.counters.get(Counter::kConnectionsLetThrough), open ? 1u : 0u);
      EXPECT_EQ(wire.counters.get(Counter::kDropMessageCap), open ? 0u : 2u);
      config.messages_in_flight = 4;
    }
    {
      SCOPED_TRACE("transactions");
      config.transactions = 1;
      Wire wire(config);
      Dialogue first = client(wire, 1), second = client(wire, 2);
      first.until_data();
      second.until_mail();
      const Packet mail = second.client_packet("MAIL FROM:<a@b.example>\r\n");
      wire.from_client(mail);
      EXPECT_EQ(wire.from_client(mail) == as_sent(mail, Side::kOutside), open);
      EXPECT_EQ(wire.counters.get(Counter::kConnectionsLetThrough), open ? 1u : 0u);
      EXPECT_EQ(wire.counters.get(Counter::kDropTransactionCap), open ? 0u : 2u);
      config.transactions = 16;
    }
    {
      SCOPED_TRACE("held bytes");
      config.worker_held_bytes = 3 * 2176;
      Wire wire(config);
      Dialogue first = client(wire, 1), second = client(wire, 2), third = client(wire, 3);
      for (Dialogue* d : {&first, &second, &third}) d->until_data();
      first.client("one");
      first.client("two");
      second.client("three");
      const Packet fourth = third.client_packet("four");
      const auto sent = wire.from_client(fourth);
      EXPECT_EQ(wire.counters.get(Counter::kDropHeldCap), open ? 0u : 1u);
      EXPECT_EQ(sent.size(), open ? 1u : 0u);
    }
  }
}

TEST(FailMode, OverloadOpenLetsNewConnectionsThroughClosedDropsTheirSyns) {
  for (const FailMode mode : {FailMode::kClosed, FailMode::kOpen}) {
    PipelineConfig config = Wire::small();
    config.on_overload = mode;
    Wire wire(config);
    Dialogue before = client(wire, 1), during = client(wire, 2), after = client(wire, 3);
    before.until_data();
    wire.pipeline->set_overloaded(true);
    EXPECT_THAT(before.client(kSpam), SizeIs(3));  // what has begun is inspected
    const auto syn = wire.from_client({.from = during.client_name, .seq = 2000, .flags = kSyn});
    if (mode == FailMode::kClosed) {
      EXPECT_THAT(syn, IsEmpty());
      EXPECT_EQ(wire.counters.get(Counter::kDropOverload), 1u);
    } else {
      during.until_data();
      EXPECT_THAT(during.client(kSpam), SizeIs(1));
      EXPECT_EQ(wire.counters.get(Counter::kConnectionsLetThrough), 1u);
    }
    wire.pipeline->set_overloaded(false);
    after.until_data();
    EXPECT_THAT(after.client(kSpam), SizeIs(3));
  }
}

}  // namespace
}  // namespace postern::worker
