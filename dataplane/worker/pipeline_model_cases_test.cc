// What the model found (pipeline_model_test.cc), each at its smallest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/worker/testing/wire.h"

namespace postern::worker {
namespace {

using packet::kAck;
using packet::kFin;
using packet::kPsh;
using packet::kSyn;
using packet::kUrg;
using packet::Side;
using testing::Dialogue;
using ::testing::Each;
using ::testing::Field;
using ::testing::IsEmpty;
using testing::Packet;
using testing::Seen;
using testing::Sent;
using testing::Wire;

// The FIN is lost between us and the server: what comes in its place must not be a retransmission's
// last octet, which nobody scanned. Here it would end a message that is spam.
TEST(ModelCases, AnOctetInTheFinsPlaceDoesNotPass) {
  const std::string spam = "Subject: hi\r\n\r\nSPAM-HERE\r\n.\r";
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  const Packet first = d.client_packet(spam, kAck | kPsh | kFin);
  wire.from_client(first);
  Packet alone = first;
  alone.seq = first.seq + static_cast<uint32_t>(spam.size());
  alone.flags = kAck | kPsh;
  alone.payload.assign(1, '\n');
  for (const Sent& sent : wire.from_client(alone)) EXPECT_EQ(sent.segment.payload, "");
  Packet again = first;
  again.flags = kAck | kPsh;
  again.payload = spam + "\n";
  for (const Sent& sent : wire.from_client(again)) {
    EXPECT_LE(sent.segment.payload.size(), spam.size());
  }
}

// Some receivers (4.4BSD's tcp_reass among them) read on past a FIN when they have octets behind it
// already: those left early and are not scanned.
TEST(ModelCases, AFinBeforeOctetsThatLeftEarlyIsNotTheEnd) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  Packet behind = d.client_packet("SPAM-HERE");
  behind.seq += 5;
  ASSERT_EQ(wire.from_client(behind).size(), 1u);
  for (const Sent& sent : wire.from_client(d.client_packet("text ", kAck | kPsh | kFin))) {
    EXPECT_EQ(sent.segment.flags & kFin, 0) << to_text(sent.segment);
  }
  // The scanner has both: what follows is an ordinary message's end, and refused.
  d.client_next += 14;
  std::string to_client;
  for (const Sent& sent : d.client("\r\n.\r\n")) {
    if (sent.out == Side::kInside) to_client += sent.segment.payload;
  }
  EXPECT_TRUE(to_client.starts_with("554 ")) << to_client;
}

// The same where the FIN itself comes early, before or after the octets behind it.
TEST(ModelCases, AnEarlyFinAndOctetsBehindItDoNotBothPass) {
  for (const bool fin_first : {true, false}) {
    Wire wire;
    Dialogue d(wire);
    d.until_data();
    Packet fin = d.client_packet("text", kAck | kPsh | kFin);
    fin.seq += 1;
    Packet behind = d.client_packet("more");
    behind.seq += 5;
    bool fin_left = false, behind_left = false;
    for (const Packet& packet : fin_first ? std::vector{fin, behind} : std::vector{behind, fin}) {
      for (const Sent& sent : wire.from_client(packet)) {
        fin_left |= (sent.segment.flags & kFin) != 0;
        behind_left |= sent.segment.payload == "more";
      }
    }
    EXPECT_FALSE(fin_left && behind_left) << (fin_first ? "FIN first" : "FIN last");
  }
}

// A dataless segment can mark an octet that comes later as urgent, and receivers take that one out
// of the stream (RFC 6093 3.1): so it is with every segment that goes to the server.
TEST(ModelCases, UrgentMarksAreTakenOffSynsToo) {
  Wire wire;
  Dialogue d(wire);
  d.until_data();
  const auto sent = wire.from_client(d.client_packet("", kSyn | kUrg));
  EXPECT_THAT(sent, Each(Field(&Sent::segment, Field(&Seen::flags, uint8_t{kSyn}))));
}

TEST(ModelCases, UrgentMarksAreTakenOffSegmentsOfForgottenConnectionsToo) {
  PipelineConfig config = Wire::small();
  config.mid_stream = MidStream::kReset;
  Wire wire(config);
  for (const char* payload : {"", "x"}) {
    for (const Sent& sent :
         wire.from_client({.seq = 77, .ack = 88, .flags = kAck | kUrg, .payload = payload})) {
      EXPECT_EQ(sent.segment.flags & kUrg, 0) << to_text(sent.segment);
    }
  }
}

}  // namespace
}  // namespace postern::worker
