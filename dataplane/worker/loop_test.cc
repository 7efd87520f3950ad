// The loop and the distributor over rings, with a pipeline that forwards everything.
#include "dataplane/worker/loop.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "dataplane/packet/testing/builder.h"
#include "dataplane/packet/testing/fragments.h"
#include "dataplane/ports/testing/eal_environment.h"
#include "dataplane/verdict/verdict_table.h"
#include "dataplane/worker/distributor.h"

namespace postern::worker {
namespace {

using packet::Side;
using packet::testing::Packet;
using ports::MbufFrameSource;
using ports::RxLane;
using ports::TxLane;

const auto* const kEal = ::testing::AddGlobalTestEnvironment(new ports::testing::EalEnvironment);

class Lanes : public ::testing::Test {
 protected:
  static constexpr uint32_t kFrames = 1023;

  Lanes() : source_(*MbufFrameSource::create("loop_frames", kFrames, 1522)) {
    for (size_t side = 0; side < 2; ++side) {
      in_[side] = make_ring(fmt::format("in{}", side));
      out_[side] = make_ring(fmt::format("out{}", side));
    }
  }
  static Ring make_ring(const std::string& name) {
    return Ring(rte_ring_create(name.c_str(), 1024, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ));
  }
  void arrive(Side side, const Packet& packet) { arrive_bytes(side, packet.bytes()); }
  void arrive_bytes(Side side, const packet::testing::Bytes& bytes) {
    packet::Frame* frame = source_->allocate();
    ASSERT_NE(frame, nullptr);
    std::ranges::copy(bytes, frame->data());
    frame->length = static_cast<uint32_t>(bytes.size());
    rte_ring_sp_enqueue(in_[static_cast<size_t>(side)].get(),
                        MbufFrameSource::write_back(frame, ports::ChecksumOffload::kNone));
  }
  // Waits for a frame on a lane; its bytes.
  std::vector<uint8_t> await(const RxLane& lane) {
    rte_mbuf* mbuf = nullptr;
    while (lane.receive(&mbuf, 1) == 0) std::this_thread::yield();
    const auto* data = rte_pktmbuf_mtod(mbuf, const uint8_t*);
    std::vector<uint8_t> bytes(data, data + mbuf->data_len);
    rte_pktmbuf_free(mbuf);
    return bytes;
  }
  RxLane leaving(Side side) const {
    return RxLane::from_ring(out_[static_cast<size_t>(side)].get());
  }
  std::array<RxLane, 2> in_lanes() const {
    return {RxLane::from_ring(in_[0].get()), RxLane::from_ring(in_[1].get())};
  }

  ports::Clock clock_;
  std::unique_ptr<MbufFrameSource> source_;
  std::array<Ring, 2> in_, out_;
};

class Loop : public Lanes {
 protected:
  Loop() : verdicts_(*verdict::VerdictTable::create({.capacity = 16, .readers = 1})) {
    const WorkerLanes lanes{
        .receive = in_lanes(),
        .transmit = {{{TxLane::to_ring(out_[0].get())}, {TxLane::to_ring(out_[1].get())}}}};
    worker_ = *Worker::create({}, {source_.get(), &clock_, verdicts_.get()}, lanes, nullptr, 0);
  }
  void start() {
    thread_ = std::thread([this] { worker_->run(); });
  }
  void stop() {
    worker_->stop();
    thread_.join();
  }

  std::unique_ptr<verdict::VerdictTable> verdicts_;
  std::unique_ptr<Worker> worker_;
  std::thread thread_;
};

TEST_F(Loop, CarriesFramesAcrossInOrderBothWays) {
  start();
  for (uint32_t i = 0; i < 200; ++i) {
    arrive(Side::kInside, {.seq = i});
    arrive(Side::kOutside, {.from = "198.51.100.1:25", .to = "192.0.2.7:40000", .seq = i});
  }
  for (uint32_t i = 0; i < 200; ++i) {
    EXPECT_EQ(await(leaving(Side::kOutside)), Packet{.seq = i}.bytes());
    EXPECT_EQ(await(leaving(Side::kInside)),
              (Packet{.from = "198.51.100.1:25", .to = "192.0.2.7:40000", .seq = i}.bytes()));
  }
  stop();
  EXPECT_EQ(worker_->counters().get(Counter::kFramesIn), 400u);
  EXPECT_EQ(source_->frames_free(), kFrames);
}

TEST_F(Loop, TheMailboxHoldsOneChangeUntilTheWorkerTakesIt) {
  EXPECT_TRUE(worker_->post({.set = nullptr, .generation = 1}));
  EXPECT_FALSE(worker_->post({.set = nullptr, .generation = 2}));
  EXPECT_EQ(worker_->adopted_generation(), 0u);
  start();
  while (!worker_->post({.set = nullptr, .generation = 3})) std::this_thread::yield();
  while (worker_->adopted_generation() != 3) std::this_thread::yield();
  // No message is under way, so nothing of the generations before is in use.
  while (worker_->settled_generation() != 3) std::this_thread::yield();
  stop();
}

TEST_F(Loop, AFrameTooLongForABufferIsDroppedAndCounted) {
  rte_mbuf* head = rte_pktmbuf_alloc(source_->pool());
  rte_mbuf* tail = rte_pktmbuf_alloc(source_->pool());
  rte_pktmbuf_append(head, 2000);
  rte_pktmbuf_append(tail, 2000);
  ASSERT_EQ(rte_pktmbuf_chain(head, tail), 0);
  rte_ring_sp_enqueue(in_[0].get(), head);
  start();
  arrive(Side::kInside, {});
  await(leaving(Side::kOutside));
  stop();
  EXPECT_EQ(worker_->counters().get(Counter::kDropOversize), 1u);
  EXPECT_EQ(source_->frames_free(), kFrames);
}

TEST_F(Loop, AVerdictChangeDoesNotWaitForAnIdleWorker) {
  start();
  arrive(Side::kInside, {});
  await(leaving(Side::kOutside));  // it runs, and is a reader
  const verdict::PrefixVerdict refuse{.prefix = *IpPrefix::parse("192.0.2.0/24"),
                                      .treatment = verdict::Treatment::kRefuse};
  // Replacing a verdict ends only when every reader has been quiescent.
  ASSERT_TRUE(verdicts_->apply(std::array{refuse}, {}).has_value());
  ASSERT_TRUE(verdicts_->apply({}, std::array{refuse.key()}).has_value());
  while (verdicts_->awaiting_grace() > 0) std::this_thread::yield();
  stop();
}

class Distribution : public Lanes {
 protected:
  static constexpr uint32_t kWorkers = 3;

  void create(bool send_for_workers) {
    distributor_ = *Distributor::create(
        kWorkers, in_lanes(), {TxLane::to_ring(out_[0].get()), TxLane::to_ring(out_[1].get())},
        send_for_workers, 0, {}, source_.get(), &clock_);
  }
  static Packet from_client(uint32_t flow, uint32_t seq) {
    return {.from = fmt::format("192.0.2.7:{}", 40000 + flow), .to = "198.51.100.1:25", .seq = seq};
  }
  static Packet from_server(uint32_t flow, uint32_t seq) {
    return {.from = "198.51.100.1:25", .to = fmt::format("192.0.2.7:{}", 40000 + flow), .seq = seq};
  }
  std::unique_ptr<Distributor> distributor_;
};

TEST_F(Distribution, BothDirectionsOfAFlowMeetAtOneWorkerInOrder) {
  constexpr uint32_t kFlows = 30, kEach = 10;
  create(false);
  std::thread thread([this] { distributor_->run(); });
  for (uint32_t seq = 0; seq < kEach; ++seq)
    for (uint32_t flow = 0; flow < kFlows; ++flow) {
      arrive(Side::kInside, from_client(flow, seq));
      arrive(Side::kOutside, from_server(flow, seq));
    }
  std::map<std::string, uint32_t> worker_of_client, next_seq[2];
  std::array<uint32_t, kWorkers> frames{};
  for (uint32_t taken = 0; taken < 2 * kFlows * kEach;) {
    for (uint32_t worker = 0; worker < kWorkers; ++worker)
      for (const Side side : {Side::kInside, Side::kOutside}) {
        rte_mbuf* mbuf = nullptr;
        if (distributor_->to_worker(worker, side).receive(&mbuf, 1) == 0) continue;
        packet::Frame* frame = source_->attach(mbuf);
        const auto seen = packet::testing::read(*frame);
        source_->release(frame);
        const std::string& client = side == Side::kInside ? seen.from : seen.to;
        EXPECT_EQ(worker_of_client.try_emplace(client, worker).first->second, worker) << client;
        EXPECT_EQ(seen.seq, next_seq[static_cast<size_t>(side)][client]++) << client;
        ++frames[worker];
        ++taken;
      }
  }
  for (const uint32_t count : frames) EXPECT_GT(count, 0u);
  distributor_->stop();
  thread.join();
  EXPECT_EQ(source_->frames_free(), kFrames);
}

TEST_F(Distribution, FragmentsOfMailMeetTheirFlow) {
  constexpr uint32_t kFlows = 30;
  create(false);
  std::thread thread([this] { distributor_->run(); });
  std::map<std::string, std::set<uint32_t>> workers_of_client;
  for (uint32_t flow = 0; flow < kFlows; ++flow) {
    arrive(Side::kInside, from_client(flow, 0));
    const auto whole = packet::testing::fragmentable(from_client(flow, 1).bytes());
    for (const auto& bytes : packet::testing::fragments(whole, flow, 8))
      arrive_bytes(Side::kInside, bytes);
  }
  for (uint32_t taken = 0; taken < 2 * kFlows;)
    for (uint32_t worker = 0; worker < kWorkers; ++worker) {
      rte_mbuf* mbuf = nullptr;
      if (distributor_->to_worker(worker, Side::kInside).receive(&mbuf, 1) == 0) continue;
      packet::Frame* frame = source_->attach(mbuf);
      workers_of_client[packet::testing::read(*frame).from].insert(worker);
      source_->release(frame);
      ++taken;
    }
  EXPECT_EQ(workers_of_client.size(), kFlows);
  for (const auto& [client, workers] : workers_of_client) EXPECT_EQ(workers.size(), 1u) << client;
  distributor_->stop();
  thread.join();
  EXPECT_EQ(distributor_->counters().get(Counter::kFragmentsJoined), 3 * kFlows);
  EXPECT_EQ(source_->frames_free(), kFrames);
}

// A burst of fragments that make up more frames than a burst is.
TEST_F(Distribution, ABurstMayBecomeLonger) {
  source_ = *MbufFrameSource::create("many_frames", 2047, 1522);
  create(false);
  constexpr uint32_t kDatagrams = 31, kEach = 5;
  packet::testing::Bytes first[kDatagrams];
  const Packet packet{.to = "198.51.100.1:80", .payload = std::string(100, 'x')};
  const auto whole = packet::testing::fragmentable(packet.bytes());
  // All but the first fragment of each, then the first of each in one burst.
  for (uint32_t id = 0; id < kDatagrams; ++id) {
    auto parts = packet::testing::fragments(whole, id, 24);
    ASSERT_EQ(parts.size(), kEach);
    parts.push_back(parts[0]);
    // Sixteen addresses, for the table holds 16 datagrams of each.
    for (auto& bytes : parts) bytes[26 + 3] = static_cast<uint8_t>(id % 16);
    for (uint32_t i = 1; i < kEach; ++i) arrive_bytes(Side::kInside, parts[i]);
    first[id] = parts[0];
  }
  for (const auto& bytes : first) arrive_bytes(Side::kInside, bytes);
  std::thread thread([this] { distributor_->run(); });
  uint32_t taken = 0;
  while (taken < kDatagrams * kEach)
    for (uint32_t worker = 0; worker < kWorkers; ++worker) {
      rte_mbuf* mbuf = nullptr;
      if (distributor_->to_worker(worker, Side::kInside).receive(&mbuf, 1) == 0) continue;
      rte_pktmbuf_free(mbuf);
      ++taken;
    }
  distributor_->stop();
  thread.join();
  EXPECT_EQ(source_->frames_free(), 2047u);
}

TEST_F(Distribution, SendsForWorkersThatHaveNoQueue) {
  create(true);
  std::thread thread([this] { distributor_->run(); });
  for (uint32_t worker = 0; worker < kWorkers; ++worker) {
    packet::Frame* frame = source_->allocate();
    frame->length = 60 + worker;
    rte_mbuf* mbuf = MbufFrameSource::write_back(frame, ports::ChecksumOffload::kNone);
    EXPECT_EQ(distributor_->from_worker(worker, Side::kOutside).transmit(&mbuf, 1), 1);
    EXPECT_EQ(await(leaving(Side::kOutside)).size(), 60u + worker);
  }
  distributor_->stop();
  thread.join();
}

TEST_F(Distribution, WhatNoWorkerTakesIsDroppedAndCounted) {
  // A pool larger than a ring, which holds 1023 frames. What is not IP goes to the first worker.
  source_ = *MbufFrameSource::create("many_frames", 2047, 1522);
  create(false);
  std::thread thread([this] { distributor_->run(); });
  for (uint32_t i = 0; i < 1200; ++i) {
    packet::Frame* frame = source_->allocate();
    ASSERT_NE(frame, nullptr);
    frame->length = 60;
    std::fill_n(frame->data(), 60, uint8_t{0});
    rte_mbuf* mbuf = MbufFrameSource::write_back(frame, ports::ChecksumOffload::kNone);
    while (rte_ring_sp_enqueue(in_[0].get(), mbuf) != 0) std::this_thread::yield();
  }
  while (distributor_->counters().get(Counter::kDropWorkerQueue) < 1200 - 1023)
    std::this_thread::yield();
  EXPECT_EQ(distributor_->counters().get(Counter::kDropWorkerQueue), 1200u - 1023);
  distributor_->stop();
  thread.join();
  EXPECT_EQ(distributor_->counters().get(Counter::kDropWorkerQueue), 1200u);
  EXPECT_EQ(source_->frames_free(), 2047u);
}

}  // namespace
}  // namespace postern::worker
