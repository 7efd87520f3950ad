#include "dataplane/packet/forge.h"

#include <gtest/gtest.h>

#include "dataplane/packet/testing/builder.h"

namespace postern::packet {
namespace {

using testing::Packet;
using testing::read;
using testing::Seen;

TEST(Forge, AnswersInTheFlowsOwnTagsAndFamily) {
  for (const auto& [from, to] : {std::pair{"192.0.2.7:40000", "198.51.100.1:25"},
                                 std::pair{"[2001:db8::7]:40000", "[2001:db8::25]:25"}}) {
    HeapFrames frames(4);
    Frame* theirs = Packet{.from = from, .to = to, .payload = "x", .vlans = {7, 8}}.in(frames);
    const TcpPacket tcp = parse(*theirs);
    const LinkHeader link = LinkHeader::of(*theirs, tcp).reversed();
    Frame* ours = forge(frames, link,
                        {.source = tcp.destination,
                         .destination = tcp.source,
                         .source_port = 25,
                         .destination_port = 40000,
                         .seq = SeqNum{5},
                         .ack = SeqNum{6},
                         .flags = kAck | kPsh,
                         .window = 100,
                         .maximum_segment_size = 1460,
                         .timestamps = Timestamps{1, 2},
                         .payload = "554 no\r\n"});
    ASSERT_NE(ours, nullptr);
    EXPECT_EQ(read(*ours), (Seen{to, from, 5, 6, kAck | kPsh, "554 no\r\n", true}));
    EXPECT_EQ(parse(*ours).vlan, tcp.vlan);
    EXPECT_EQ(ours->data()[5], 1);  // to the customers' MAC
    EXPECT_EQ(parse_options(*ours, parse(*ours)).timestamps->echo, 2u);
    frames.release(ours);
    frames.release(theirs);
  }
}

TEST(Forge, GivesNullWhenNoFrameIsFree) {
  HeapFrames frames(1);
  Frame* theirs = Packet{}.in(frames);
  const TcpPacket tcp = parse(*theirs);
  EXPECT_EQ(forge(frames, LinkHeader::of(*theirs, tcp),
                  {
                      .source = tcp.source,
                      .destination = tcp.destination,

                  }),
            nullptr);
  frames.release(theirs);
}

}  // namespace
}  // namespace postern::packet
