#include "dataplane/ports/mbuf_frame_source.h"

#include <gtest/gtest.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <vector>

#include "dataplane/packet/testing/builder.h"
#include "dataplane/ports/port.h"
#include "dataplane/ports/testing/eal_environment.h"
#include "dataplane/ports/transmitter.h"

namespace postern::ports {
namespace {

using packet::Frame;
using packet::testing::Packet;

const auto* const kEal = ::testing::AddGlobalTestEnvironment(new testing::EalEnvironment);

class MbufFrames : public ::testing::Test {
 protected:
  static constexpr uint32_t kFrames = 63;
  MbufFrames() {
    auto created = MbufFrameSource::create("mbuf_frames", kFrames, 1522);
    EXPECT_TRUE(created.has_value()) << created.error();
    source_ = std::move(*created);
  }
  Frame* frame_of(const Packet& packet) {
    Frame* frame = source_->allocate();
    const auto bytes = packet.bytes();
    std::ranges::copy(bytes, frame->data());
    frame->length = static_cast<uint32_t>(bytes.size());
    return frame;
  }
  std::unique_ptr<MbufFrameSource> source_;
};

TEST_F(MbufFrames, AnAllocatedFrameIsEmptyAndHasTheRoomPromised) {
  Frame* frame = source_->allocate();
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->length, 0u);
  EXPECT_GE(frame->offset, 128u);
  EXPECT_GE(frame->capacity - frame->offset, 1600u);
  EXPECT_EQ(frame->source, source_.get());
  EXPECT_FALSE(frame->checksum_needed);
  EXPECT_FALSE(frame->checksum_trusted);
  source_->release(frame);
}

TEST_F(MbufFrames, AnEmptyPoolSaysSo) {
  std::vector<Frame*> taken;
  while (Frame* frame = source_->allocate()) taken.push_back(frame);
  EXPECT_EQ(taken.size(), kFrames);
  EXPECT_EQ(source_->frames_free(), 0u);
  for (Frame* frame : taken) source_->release(frame);
  EXPECT_EQ(source_->frames_free(), kFrames);
}

TEST_F(MbufFrames, FrameAndMbufFindEachOther) {
  Frame* frame = source_->allocate();
  rte_mbuf* mbuf = MbufFrameSource::mbuf_of(frame);
  EXPECT_EQ(rte_mbuf_to_priv(mbuf), frame);
  EXPECT_EQ(static_cast<void*>(frame->buffer), mbuf->buf_addr);
  source_->release(frame);
}

TEST_F(MbufFrames, ARetainedFrameSurvivesItsTransmission) {
  const testing::VirtualDevice device("net_null_retain", "");
  const auto capabilities = Capabilities::of(*Device::parse("net_null_retain"));
  ASSERT_TRUE(capabilities.has_value()) << capabilities.error();
  auto port = Port::open(*Device::parse("net_null_retain"), *capabilities, {}, source_->pool());
  ASSERT_TRUE(port.has_value()) << port.error();

  const Packet packet{.payload = "to be acknowledged"};
  Frame* frame = frame_of(packet);
  source_->retain(frame);
  Counters counters;
  LaneTransmitter transmitter({{{TxLane::to_queue((*port)->id(), 0)}, {}}}, &counters);
  transmitter.send(frame, packet::Side::kInside);
  transmitter.flush();

  EXPECT_EQ(counters.get(Counter::kFramesOut), 1u);
  EXPECT_EQ(source_->frames_free(), kFrames - 1);
  EXPECT_TRUE(std::ranges::equal(frame->bytes(), packet.bytes()));
  source_->release(frame);
  EXPECT_EQ(source_->frames_free(), kFrames);
}

TEST_F(MbufFrames, AFrameThatWasMovedAndCutLeavesAsItIs) {
  Frame* frame = frame_of({.payload = "0123456789"});
  frame->offset -= 4;
  frame->length = 60;
  const rte_mbuf* mbuf = MbufFrameSource::write_back(frame, ChecksumOffload::kNone);
  EXPECT_EQ(rte_pktmbuf_mtod(mbuf, const uint8_t*), frame->data());
  EXPECT_EQ(mbuf->data_len, 60);
  EXPECT_EQ(mbuf->pkt_len, 60u);
  source_->release(frame);
}

TEST_F(MbufFrames, ChecksumsAreFilledInSoftwareWhereThePortCannot) {
  for (const bool v6 : {false, true}) {
    Packet packet{.payload = "250 Ok\r\n"};
    if (v6) packet.from = "[2001:db8::7]:40000", packet.to = "[2001:db8::1]:25";
    const auto right = packet.bytes();
    Frame* frame = frame_of(packet);
    const size_t tcp = 14 + (v6 ? 40 : 20);
    frame->data()[tcp + 16] ^= 0x55;          // the TCP checksum
    if (!v6) frame->data()[14 + 10] ^= 0x55;  // the IPv4 header's
    frame->checksum_needed = true;
    const rte_mbuf* mbuf = MbufFrameSource::write_back(frame, ChecksumOffload::kNone);
    EXPECT_TRUE(std::ranges::equal(frame->bytes(), right)) << (v6 ? "IPv6" : "IPv4");
    EXPECT_EQ(mbuf->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK, 0u);
    source_->release(frame);
  }
}

TEST_F(MbufFrames, ChecksumsAreLeftToAPortThatFillsThem) {
  Frame* frame = frame_of(
      {.from = "192.0.2.7:40000", .to = "198.51.100.1:25", .payload = "QUIT\r\n", .vlans = {5}});
  frame->checksum_needed = true;
  const rte_mbuf* mbuf = MbufFrameSource::write_back(frame, ChecksumOffload::kIpAndTcp);
  EXPECT_EQ(mbuf->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK,
            RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM);
  EXPECT_EQ(mbuf->l2_len, 18);
  EXPECT_EQ(mbuf->l3_len, 20);
  EXPECT_EQ(mbuf->l4_len, 20);
  EXPECT_EQ(frame->data()[18 + 10], 0);  // the IPv4 header's checksum
  EXPECT_EQ(frame->data()[18 + 11], 0);
  // The sum of the pseudo header (RFC 9293 3.1), folded, not complemented: C000 + 0207 + C633 +
  // 6401
  // + protocol 0006 + length 001A = 1EC5B, so EC5C.
  EXPECT_EQ(frame->data()[38 + 16], 0xEC);
  EXPECT_EQ(frame->data()[38 + 17], 0x5C);
  // If it is sent again by a port that does not, they are still to be filled.
  EXPECT_TRUE(frame->checksum_needed);
  source_->release(frame);
}

TEST_F(MbufFrames, TheNicsWordOnChecksumsIsTakenOnlyForBoth) {
  const auto trusted = [&](uint64_t flags, uint32_t type) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(source_->pool());
    mbuf->ol_flags = flags;
    mbuf->packet_type = type;
    Frame* frame = source_->attach(mbuf);
    const bool result = frame->checksum_trusted;
    source_->release(frame);
    return result;
  };
  constexpr uint64_t kIp = RTE_MBUF_F_RX_IP_CKSUM_GOOD, kL4 = RTE_MBUF_F_RX_L4_CKSUM_GOOD;
  EXPECT_TRUE(trusted(kIp | kL4, RTE_PTYPE_L3_IPV4));
  EXPECT_TRUE(trusted(kL4, RTE_PTYPE_L3_IPV6));
  EXPECT_FALSE(trusted(kL4, RTE_PTYPE_L3_IPV4));
  EXPECT_FALSE(trusted(kIp, RTE_PTYPE_L3_IPV4));
  EXPECT_FALSE(trusted(kIp | RTE_MBUF_F_RX_L4_CKSUM_BAD, RTE_PTYPE_L3_IPV4));
  EXPECT_FALSE(trusted(0, 0));
}

// A received chain of two segments.
rte_mbuf* chain(rte_mempool* pool, uint16_t first, uint16_t second) {
  rte_mbuf* head = rte_pktmbuf_alloc(pool);
  rte_mbuf* tail = rte_pktmbuf_alloc(pool);
  std::fill_n(reinterpret_cast<uint8_t*>(rte_pktmbuf_append(head, first)), first, uint8_t{1});
  std::fill_n(reinterpret_cast<uint8_t*>(rte_pktmbuf_append(tail, second)), second, uint8_t{2});
  EXPECT_EQ(rte_pktmbuf_chain(head, tail), 0);
  return head;
}

TEST_F(MbufFrames, SegmentsAreJoinedWhenTheyFitInABufferAndDroppedWhenNot) {
  Frame* frame = source_->attach(chain(source_->pool(), 100, 50));
  ASSERT_NE(frame, nullptr);
  EXPECT_EQ(frame->length, 150u);
  EXPECT_EQ(frame->data()[99], 1);
  EXPECT_EQ(frame->data()[100], 2);
  source_->release(frame);
  EXPECT_EQ(source_->attach(chain(source_->pool(), 2000, 2000)), nullptr);
  EXPECT_EQ(source_->frames_free(), kFrames);
}

TEST_F(MbufFrames, WhatAFullLaneDoesNotTakeIsDroppedAndCounted) {
  rte_ring* ring = rte_ring_create("full_lane", 8, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
  Counters counters;
  LaneTransmitter transmitter({{{TxLane::to_ring(ring)}, {TxLane::to_ring(ring)}}}, &counters);
  for (int i = 0; i < 10; ++i) transmitter.send(frame_of({}), packet::Side::kOutside);
  transmitter.flush();
  EXPECT_EQ(rte_ring_count(ring), 7u);  // a ring holds one less than its size
  EXPECT_EQ(counters.get(Counter::kDropTransmit), 3u);
  EXPECT_EQ(source_->frames_free(), kFrames - 7);
  void* mbuf = nullptr;
  while (rte_ring_dequeue(ring, &mbuf) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(mbuf));
  rte_ring_free(ring);
}

}  // namespace
}  // namespace postern::ports
