// Scanned is delivered (invariant 1), against an adversary: random segments that overlap in every
// way with conflicting content, and receivers that resolve overlaps in either way. What each
// receiver's application reads must be what the consumer was given, whatever the arrival order,
// what was lost behind us, and what was acknowledged.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>

#include "dataplane/packet/testing/builder.h"
#include "dataplane/tcp/stream.h"

namespace postern::tcp {
namespace {

using packet::testing::Packet;

constexpr uint32_t kStreamBytes = 120;

// A receiver of RFC 9293 with one of the two overlap policies that real stacks have.
class Receiver {
 public:
  Receiver(SeqNum first, bool last_copy_wins) : next_(first), last_copy_wins_(last_copy_wins) {}
  void receive(SeqNum seq, std::span<const uint8_t> payload) {
    for (size_t i = 0; i < payload.size(); ++i) {
      const SeqNum at = seq + static_cast<uint32_t>(i);
      if (at < next_) continue;  // read already
      if (last_copy_wins_ || !waiting_.contains(at.value)) waiting_[at.value] = payload[i];
    }
    for (auto it = waiting_.find(next_.value); it != waiting_.end();
         it = waiting_.find(next_.value)) {
      read += static_cast<char>(it->second);
      waiting_.erase(it);
      next_ = next_ + 1;
    }
  }
  SeqNum next() const { return next_; }
  std::string read;

 private:
  SeqNum next_;
  bool last_copy_wins_;
  std::map<uint32_t, uint8_t> waiting_;
};

// Takes bytes; now and then waits, and once in a while cuts.
class MoodyConsumer : public Consumer {
 public:
  explicit MoodyConsumer(std::mt19937& random) : random_(random), cut_at_(random() % 400) {}
  Taken take(std::span<uint8_t> bytes) override {
    auto n = static_cast<uint32_t>(bytes.size());
    Word word = Word::kPass;
    if (read.size() + n > cut_at_) {
      n = static_cast<uint32_t>(cut_at_ - read.size());
      word = Word::kCut;
    } else if (random_() % 8 == 0) {
      n = static_cast<uint32_t>(random_() % (n + 1));
      word = Word::kWait;
    }
    read.append(bytes.begin(), bytes.begin() + n);
    return {n, word};
  }
  std::string read;

 private:
  std::mt19937& random_;
  size_t cut_at_;
};

void run_session(uint32_t seed) {
  std::mt19937 random(seed);
  const auto buffers = [&] { return static_cast<uint32_t>(3 + random() % 60) * 2176; };
  packet::HeapFrames frames(256);
  FixedPool<Held> pool(128);
  Storage storage{&pool, 0, 128 * 2176};
  // Allowances so small that they are met, or ample.
  const StreamLimits limits{.ahead_bytes = buffers(), .retained_bytes = buffers()};
  Counters counters;
  MoodyConsumer consumer(random);
  const SeqNum first{static_cast<uint32_t>(random())};
  Stream stream;
  stream.begin(first, &limits, &storage);
  Receiver keeps_first(first, false), keeps_last(first, true);
  for (int step = 0; step < 200; ++step) {
    if (random() % 5 == 0) stream.resume(consumer);
    if (random() % 4 == 0) {
      // Only what every receiver has can have been acknowledged by the one that exists.
      stream.acknowledge(earlier(keeps_first.next(), keeps_last.next()));
    }
    const auto offset = static_cast<uint32_t>(random() % kStreamBytes);
    std::string payload(1 + random() % 20, 'a');
    for (char& c : payload) c = static_cast<char>('a' + random() % 26);
    packet::Frame* frame = Packet{.seq = first.value + offset, .payload = payload}.in(frames);
    ASSERT_NE(frame, nullptr);
    TcpPacket tcp = packet::parse(*frame);
    const Ruling ruling = stream.accept(*frame, tcp, consumer, counters);
    if (ruling.fate == Fate::kForward) {
      // Lost behind us for one receiver, for both, or for none.
      const auto bytes = tcp.payload(*frame);
      if (random() % 4 != 0) keeps_first.receive(tcp.seq, bytes);
      if (random() % 4 != 0) keeps_last.receive(tcp.seq, bytes);
    }
    frames.release(frame);
    for (const Receiver* receiver : {&keeps_first, &keeps_last}) {
      ASSERT_LE(receiver->read.size(), consumer.read.size()) << "read before it was scanned";
      ASSERT_EQ(receiver->read, consumer.read.substr(0, receiver->read.size()));
    }
  }
  stream.clear();
  ASSERT_EQ(frames.in_use(), 0u);
  ASSERT_EQ(pool.in_use(), 0u);
  ASSERT_EQ(storage.bytes, 0u);
}

// POSTERN_MODEL_SESSIONS sets how many; POSTERN_MODEL_SEED replays one.
TEST(StreamModel, EveryReceiverReadsWhatWasScanned) {
  if (const char* seed = std::getenv("POSTERN_MODEL_SEED")) {
    return run_session(static_cast<uint32_t>(std::atoll(seed)));
  }
  const char* asked = std::getenv("POSTERN_MODEL_SESSIONS");
  const uint32_t sessions = asked != nullptr ? static_cast<uint32_t>(std::atoll(asked)) : 2000;
  for (uint32_t seed = 1; seed <= sessions; ++seed) {
    run_session(seed);
    ASSERT_FALSE(::testing::Test::HasFatalFailure()) << "replay with POSTERN_MODEL_SEED=" << seed;
  }
}

}  // namespace
}  // namespace postern::tcp
