#include "dataplane/packet/edit.h"

#include <gtest/gtest.h>

#include "dataplane/packet/testing/builder.h"

namespace postern::packet {
namespace {

using testing::Packet;
using testing::read;

TEST(Edit, TrimsKeepLengthsChecksumsAndTags) {
  for (const bool v6 : {false, true}) {
    HeapFrames frames(4);
    Packet packet{.seq = 100, .flags = kAck | kPsh | kFin, .payload = "abcdefgh", .vlans = {9}};
    if (v6) {
      packet.from = "[2001:db8::7]:40000";
      packet.to = "[2001:db8::25]:25";
    }
    Frame* frame = packet.in(frames);
    TcpPacket tcp = parse(*frame);
    trim_front(*frame, tcp, 3);
    auto seen = read(*frame);
    EXPECT_EQ(seen.payload, "defgh");
    EXPECT_EQ(seen.seq, 103u);
    EXPECT_EQ(seen.flags, kAck | kPsh | kFin);
    EXPECT_TRUE(seen.checksums_right);
    trim_to(*frame, tcp, 2);
    seen = read(*frame);
    EXPECT_EQ(seen.payload, "de");
    EXPECT_EQ(seen.flags, kAck);
    EXPECT_TRUE(seen.checksums_right);
    EXPECT_EQ(parse(*frame).vlan, 9u);
    frames.release(frame);
  }
}

TEST(Edit, UrgentDataBecomesOrdinary) {
  HeapFrames frames(4);
  Frame* frame = Packet{.seq = 1, .flags = kAck | kUrg, .payload = "x"}.in(frames);
  TcpPacket tcp = parse(*frame);
  frame->data()[tcp.l4_offset + 19] = 1;  // the urgent pointer
  clear_urgent(*frame, tcp);
  const auto seen = read(*frame);
  EXPECT_EQ(seen.flags, kAck);
  EXPECT_TRUE(seen.checksums_right);
  EXPECT_EQ(frame->data()[tcp.l4_offset + 19], 0);
  frames.release(frame);
}

}  // namespace
}  // namespace postern::packet
