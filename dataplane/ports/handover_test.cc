// Segments handed to the worker that owns their flow. (reassembly_test.cc starts DPDK.)
#include "dataplane/ports/handover.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/packet/testing/builder.h"
#include "dataplane/packet/testing/fragments.h"
#include "dataplane/ports/reassembly.h"
#include "dataplane/ports/rss.h"

namespace postern::ports {
namespace {

using packet::Side;
using packet::testing::Bytes;
using packet::testing::Packet;

uint32_t hash_of(Packet packet) {
  Bytes bytes = packet.bytes();
  const auto length = static_cast<uint32_t>(bytes.size());
  return rss_hash(
      packet::parse(packet::Frame{.buffer = bytes.data(), .capacity = length, .length = length}));
}

// Expected values: Toeplitz' hash by its definition, computed bit by bit by another program that
// gives Microsoft's published values ("Verifying the RSS hash calculation") for their key.
TEST(Rss, HashesAsNicsDo) {
  EXPECT_EQ(hash_of({.from = "192.0.2.7:40000", .to = "198.51.100.1:25"}), 0x20ae20aeu);
  EXPECT_EQ(hash_of({.from = "198.51.100.1:25", .to = "192.0.2.7:40000"}), 0x20ae20aeu);
  EXPECT_EQ(hash_of({.from = "[2001:db8::7]:40000", .to = "[2001:db8::25]:25"}), 0x7c497c49u);
  EXPECT_EQ(hash_of({.from = "66.9.149.187:2794", .to = "161.142.100.80:1766"}), 0x9fcc9fccu);
}

class HandingOver : public ::testing::Test {
 protected:
  static constexpr uint16_t kWorkers = 3, kEntries = 128;
  static constexpr uint32_t kFrames = 511;

  HandingOver() : source_(*MbufFrameSource::create("handover_frames", kFrames, 1522)) {
    rings_ = *HandoverRings::create(kWorkers);
    for (uint16_t worker = 0; worker < kWorkers; ++worker) {
      handovers_.push_back(std::make_unique<Handover>(worker, kEntries, rings_.get()));
      reassemblies_.push_back(
          *Reassembly::create({}, source_.get(), &counters_[worker], handovers_.back().get()));
    }
  }
  ~HandingOver() override {
    reassemblies_.clear();
    rings_.reset();
    EXPECT_EQ(source_->frames_free(), kFrames);
  }
  static uint16_t owner_of(uint32_t hash) {
    return static_cast<uint16_t>(hash % kEntries % kWorkers);
  }
  static Packet mail(uint16_t client_port, std::vector<uint16_t> vlans = {}) {
    return {.from = "192.0.2.7:" + std::to_string(client_port),
            .payload = "0123456789",
            .vlans = std::move(vlans)};
  }
  // What comes out at this worker when these frames came by its queue.
  std::vector<Bytes> at(uint16_t worker, const std::vector<Bytes>& arriving,
                        std::optional<uint32_t> hash = std::nullopt) {
    std::vector<rte_mbuf*> burst;
    for (const Bytes& bytes : arriving) {
      rte_mbuf* mbuf = rte_pktmbuf_alloc(source_->pool());
      std::ranges::copy(bytes, reinterpret_cast<uint8_t*>(
                                   rte_pktmbuf_append(mbuf, static_cast<uint16_t>(bytes.size()))));
      if (hash) {
        mbuf->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
        mbuf->hash.rss = *hash;
      }
      burst.push_back(mbuf);
    }
    std::vector<Bytes> out;
    for (rte_mbuf* mbuf : reassemblies_[worker]->reassemble(burst, Side::kInside, now_)) {
      const auto* data = rte_pktmbuf_mtod(mbuf, const uint8_t*);
      out.emplace_back(data, data + mbuf->data_len);
      rte_pktmbuf_free(mbuf);
    }
    return out;
  }
  std::vector<Bytes> fragments_of(const Packet& packet) {
    whole_ = packet::testing::fragmentable(packet.bytes());
    return packet::testing::fragments(whole_, 0x1234, 16);
  }
  // Whole segments of flows that are the first worker's, with the NIC's hash of them.
  void show(const std::vector<uint16_t>& vlans, size_t count, uint32_t wrong_by = 0) {
    for (uint16_t port = 50000; count > 0; ++port) {
      const Packet packet = mail(port, vlans);
      if (owner_of(hash_of(packet)) != 0) continue;
      EXPECT_EQ(at(0, {packet.bytes()}, hash_of(packet) ^ wrong_by).size(), 1u);
      --count;
    }
  }
  uint64_t dropped() const { return counters_[0].get(Counter::kDropFragment); }

  std::unique_ptr<MbufFrameSource> source_;
  std::unique_ptr<HandoverRings> rings_;
  std::array<Counters, kWorkers> counters_;
  std::vector<std::unique_ptr<Handover>> handovers_;
  std::vector<std::unique_ptr<Reassembly>> reassemblies_;
  Now now_{.monotonic_us = 1, .wall_us = 0};
  Bytes whole_;
};

TEST_F(HandingOver, OnceTheNicsHashIsOursSegmentsGoToTheirFlowsWorker) {
  EXPECT_TRUE(at(0, fragments_of(mail(40000))).empty());
  EXPECT_EQ(dropped(), 2u);
  show({}, 4);
  std::array<int, kWorkers> each{};
  for (uint16_t port = 40000; port < 40030; ++port) {
    const auto parts = fragments_of(mail(port));
    const uint16_t owner = owner_of(hash_of(mail(port)));
    ++each[owner];
    const auto out = at(0, parts);
    for (uint16_t worker = 1; worker < kWorkers; ++worker)
      EXPECT_EQ(at(worker, {}),
                owner == worker ? std::vector<Bytes>{whole_} : std::vector<Bytes>{});
    EXPECT_EQ(out, owner == 0 ? std::vector<Bytes>{whole_} : std::vector<Bytes>{});
  }
  for (const int count : each) EXPECT_GT(count, 0);
  EXPECT_EQ(dropped(), 2u);
}

TEST_F(HandingOver, WhatIsHandedOverComesWithWhatArrives) {
  at(0, fragments_of(mail(40000)));
  show({}, 4);
  uint16_t port = 40000;
  while (owner_of(hash_of(mail(port))) != 1) ++port;
  at(0, fragments_of(mail(port)));
  EXPECT_EQ(at(1, {mail(1).bytes()}), (std::vector<Bytes>{mail(1).bytes(), whole_}));
}

TEST_F(HandingOver, ANicThatHashesOtherwiseIsNeverBelieved) {
  at(0, fragments_of(mail(40000)));
  show({}, 3);
  show({}, 1, 0x10001);
  show({}, 10);
  EXPECT_TRUE(at(0, fragments_of(mail(40000))).empty());
  EXPECT_EQ(dropped(), 4u);
}

TEST_F(HandingOver, NothingIsProvedWithoutHashesOrByEqualPortsOrOfOtherKinds) {
  at(0, fragments_of(mail(40000)));
  for (int i = 0; i < 10; ++i) at(0, {mail(50000).bytes()});
  const Packet equal_ports = mail(25);
  for (int i = 0; i < 10; ++i) at(0, {equal_ports.bytes()}, hash_of(equal_ports));
  show({7}, 10);
  at(0, fragments_of(mail(40000)));
  EXPECT_EQ(dropped(), 4u);
  // Tagged ones were not asked for before.
  at(0, fragments_of(mail(40000, {7})));
  EXPECT_EQ(dropped(), 6u);
  show({7}, 4);
  at(0, fragments_of(mail(40000, {7})));
  EXPECT_EQ(dropped(), 6u);
}

TEST_F(HandingOver, WhatAFullRingDoesNotTakeIsDroppedAndCounted) {
  at(0, fragments_of(mail(40000)));
  show({}, 4);
  uint16_t port = 40000;
  while (owner_of(hash_of(mail(port))) != 1) ++port;
  for (int i = 0; i < 257; ++i) at(0, fragments_of(mail(port)));
  EXPECT_EQ(counters_[0].get(Counter::kDropWorkerQueue),
            2u);  // a ring holds one less than its size
}

}  // namespace
}  // namespace postern::ports
