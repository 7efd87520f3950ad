#include "dataplane/tcp/endpoint.h"

#include <gtest/gtest.h>

#include "dataplane/packet/testing/builder.h"

namespace postern::tcp {
namespace {

using packet::HeapFrames;
using packet::kAck;
using packet::kFin;
using packet::kPsh;
using packet::SeqNum;
using packet::testing::Packet;
using packet::testing::read;
using packet::testing::Seen;

constexpr char kClient[] = "192.0.2.7:40000";
constexpr char kServer[] = "198.51.100.1:25";

class EndpointTest : public ::testing::Test {
 protected:
  EndpointTest() {
    packet::Frame* frame = Packet{}.in(frames_);
    const auto tcp = packet::parse(*frame);
    start_ = {.local = tcp.destination,
              .remote = tcp.source,
              .local_port = 25,
              .remote_port = 40000,
              .link = packet::LinkHeader::of(*frame, tcp).reversed(),
              .send_next = SeqNum{500},
              .receive_next = SeqNum{100},
              .window = 1000,
              .timestamps = {},
              .timestamps_seen_us = 0};
    frames_.release(frame);
    endpoint_.begin(start_);
  }
  std::string receive(const Packet& packet) {
    packet::Frame* frame = packet.in(frames_);
    const auto bytes = endpoint_.receive(*frame, packet::parse(*frame));
    std::string text(bytes.begin(), bytes.end());
    frames_.release(frame);
    return text;
  }
  Seen segment(uint64_t now_us = 0) {
    packet::Frame* frame = endpoint_.segment(frames_, now_us);
    const Seen seen = read(*frame);
    frames_.release(frame);
    return seen;
  }
  HeapFrames frames_{16};
  Endpoint::Start start_;
  Endpoint endpoint_;
};

TEST_F(EndpointTest, TheClientsRetransmissionDrawsTheReplyAgain) {
  EXPECT_EQ(receive({.seq = 100, .ack = 500, .payload = ".\r\n"}), ".\r\n");
  ASSERT_TRUE(endpoint_.say("554 no\r\n"));
  const Seen reply{kServer, kClient, 500, 103, kAck | kPsh, "554 no\r\n", true};
  EXPECT_EQ(segment(), reply);
  EXPECT_FALSE(endpoint_.answer_due());
  // The reply was lost: the client repeats its bytes, which are not delivered twice.
  EXPECT_EQ(receive({.seq = 100, .ack = 500, .payload = ".\r\n"}), "");
  EXPECT_TRUE(endpoint_.answer_due());
  EXPECT_EQ(segment(), reply);
}

TEST_F(EndpointTest, TheTimerRepeatsWithDoublingAndGivesUp) {
  endpoint_.say("220 hello\r\n");
  segment(0);
  EXPECT_EQ(endpoint_.timeout_us(), 1'000'000u);
  uint64_t now = 0;
  int repeats = 0;
  while (endpoint_.timeout_us() != 0) {
    now = endpoint_.timeout_us();
    endpoint_.timed_out(now);
    if (!endpoint_.answer_due()) break;
    EXPECT_EQ(segment(now).payload, "220 hello\r\n");
    ++repeats;
  }
  EXPECT_EQ(repeats, Endpoint::kTimeouts);
  EXPECT_TRUE(endpoint_.over());
  EXPECT_EQ(now, 127'000'000u);  // 1+2+4+8+16+32+64 s
}

TEST_F(EndpointTest, APartialAcknowledgementLeavesTheRest) {
  endpoint_.say("220 hello\r\n");
  segment();
  receive({.seq = 100, .ack = 504});
  EXPECT_EQ(segment(), (Seen{kServer, kClient, 504, 100, kAck | kPsh, "hello\r\n", true}));
}

TEST_F(EndpointTest, ClosesAndIsOverWhenBothHaveFinished) {
  endpoint_.say("221 bye\r\n");
  endpoint_.finish();
  EXPECT_EQ(segment(), (Seen{kServer, kClient, 500, 100, kAck | kPsh | kFin, "221 bye\r\n", true}));
  receive({.seq = 100, .ack = 510, .flags = kAck});
  EXPECT_TRUE(endpoint_.all_acknowledged());
  EXPECT_FALSE(endpoint_.over());
  receive({.seq = 100, .ack = 510, .flags = kAck | kFin});
  EXPECT_TRUE(endpoint_.over());
  EXPECT_EQ(segment(), (Seen{kServer, kClient, 510, 101, kAck, "", true}));
}

TEST_F(EndpointTest, EarlyBytesAreNotTakenButAnswered) {
  EXPECT_EQ(receive({.seq = 110, .ack = 500, .payload = "QUIT\r\n"}), "");
  EXPECT_TRUE(endpoint_.answer_due());
  EXPECT_EQ(segment().ack, 100u);
  EXPECT_EQ(receive({.seq = 98, .ack = 500, .payload = "xxRSET\r\n"}), "RSET\r\n");
  EXPECT_EQ(endpoint_.receive_next(), SeqNum{106});
}

TEST_F(EndpointTest, TimestampsGoOnFromTheServers) {
  start_.timestamps = packet::Timestamps{7000, 40};
  start_.timestamps_seen_us = 1'000'000;
  endpoint_.begin(start_);
  receive({.seq = 100, .ack = 500, .payload = "x", .timestamps = packet::Timestamps{55, 7000}});
  packet::Frame* frame = endpoint_.segment(frames_, 1'250'000);
  const auto options = packet::parse_options(*frame, packet::parse(*frame));
  ASSERT_TRUE(options.timestamps.has_value());
  EXPECT_EQ(options.timestamps->value, 7250u);
  EXPECT_EQ(options.timestamps->echo, 55u);
  frames_.release(frame);
}

}  // namespace
}  // namespace postern::tcp
