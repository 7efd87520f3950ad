// Scanned is delivered (invariant 1), against an adversary: random segments that overlap in every
// way with conflicting content, FINs anywhere among them, and receivers that resolve overlaps and
// FINs in either way. What each receiver's application reads must be what the consumer was given,
// whatever the arrival order, what was lost behind us, and what was acknowledged.
//
// POSTERN_MODEL_SESSIONS sets how many sessions, POSTERN_MODEL_SEED replays one.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <bitset>
#include <cstdlib>
#include <cstring>
#include <random>

#include "dataplane/packet/testing/builder.h"
#include "dataplane/tcp/stream.h"

namespace postern::tcp {
namespace {

using packet::testing::Packet;

constexpr uint32_t kStreamBytes = 120;
constexpr uint32_t kSessions = 100'000;

// How hosts differ.
struct Habits {
  bool last_copy_wins = false;
  bool keeps_early_fin = true;  // a FIN behind a gap counts once the gap is closed
  bool fin_before_data = true;  // where both stand at one place
};

// A receiver of RFC 9293.
class Receiver {
 public:
  Receiver(SeqNum first, const Habits& habits) : first_(first), habits_(habits) {}
  void receive(SeqNum seq, std::span<const uint8_t> payload, bool fin) {
    const int32_t at = seq - first_;
    const int32_t end = at + static_cast<int32_t>(payload.size());
    if (at < 0 || end >= static_cast<int32_t>(present_.size()) || finished_) return;
    for (int32_t i = std::max(at, next_); i < end; ++i) {
      const auto offset = static_cast<size_t>(i);
      if (present_[offset] && !habits_.last_copy_wins) continue;
      present_.set(offset);
      octets_[offset] = static_cast<char>(payload[static_cast<size_t>(i - at)]);
    }
    if (fin && end >= next_ && (at <= next_ || habits_.keeps_early_fin)) {
      fin_.set(static_cast<size_t>(end));
    }
    while (!finished_) {
      const auto next = static_cast<size_t>(next_);
      finished_ = fin_[next] && (habits_.fin_before_data || !present_[next]);
      if (!finished_ && !present_[next]) break;
      if (!finished_) read += octets_[next];
      ++next_;
    }
  }
  SeqNum next() const { return first_ + static_cast<uint32_t>(next_); }
  bool finished() const { return finished_; }
  std::string read;

 private:
  SeqNum first_;
  Habits habits_;
  int32_t next_ = 0;
  bool finished_ = false;
  std::bitset<256> present_, fin_;
  std::array<char, 256> octets_;
};

// Takes bytes; now and then waits, and once in a while cuts. Whoever asks it again after that is
// let through, unread.
class MoodyConsumer : public Consumer {
 public:
  explicit MoodyConsumer(std::mt19937& random) : random_(random), cut_at_(random() % 250) {}
  Taken take(std::span<uint8_t> bytes) override {
    auto n = static_cast<uint32_t>(bytes.size());
    Word word = Word::kPass;
    if (cut) return {n, word};
    if (read.size() + n > cut_at_) {
      n = static_cast<uint32_t>(cut_at_ - read.size());
      word = Word::kCut;
      cut = true;
    } else if (random_() % 8 == 0) {
      n = static_cast<uint32_t>(random_() % (n + 1));
      word = Word::kWait;
    }
    read.append(bytes.begin(), bytes.begin() + n);
    return {n, word};
  }
  std::string read;
  bool cut = false;

 private:
  std::mt19937& random_;
  size_t cut_at_;
};

// What must have occurred by the end, else nothing was shown.
struct Occurred {
  uint64_t octets = 0, wraps = 0, fins = 0, rewritten = 0, ahead = 0, finished = 0, caps = 0;
};

// Segments of one connection, made by changing a frame's few fields: nobody looks at checksums
// here.
class Segments {
 public:
  Segments() : plain_(Packet{.payload = "", .ethernet_padding = false}.bytes()) {}
  packet::Frame* make(SeqNum seq, std::string_view payload, uint8_t flags) {
    packet::Frame* frame = frames.copy_of(plain_);
    if (frame == nullptr) return nullptr;
    uint8_t* ip = frame->data() + 14;
    uint8_t* header = ip + 20;
    const auto total = static_cast<uint32_t>(40 + payload.size());
    ip[2] = static_cast<uint8_t>(total >> 8);
    ip[3] = static_cast<uint8_t>(total);
    for (size_t i = 0; i < 4; ++i) header[4 + i] = static_cast<uint8_t>(seq.value >> (24 - 8 * i));
    header[13] = flags;
    std::memcpy(header + 20, payload.data(), payload.size());
    frame->length += static_cast<uint32_t>(payload.size());
    return frame;
  }
  packet::HeapFrames frames{256};

 private:
  std::vector<uint8_t> plain_;
};

// One pool for all sessions: what one of them fails to give back, a later one misses.
class Model {
 public:
  std::string run_session(uint32_t seed);
  Occurred seen;

 private:
  std::string run_steps(std::mt19937& random, Stream& stream, SeqNum first);
  Segments segments_;
  FixedPool<Held> pool_{128};
  Storage storage_{&pool_, 0, 128 * 2176};
  Counters counters_;
};

std::string Model::run_session(uint32_t seed) {
  std::mt19937 random(seed);
  const auto buffers = [&] { return static_cast<uint32_t>(3 + random() % 60) * 2176; };
  // Allowances so small that they are met, or ample.
  const StreamLimits limits{.ahead_bytes = buffers(), .retained_bytes = buffers()};
  // Zero is passed within the stream, every other time.
  const auto before_zero = static_cast<uint32_t>(random() % kStreamBytes);
  const SeqNum first{seed % 2 == 0 ? 0u - before_zero : static_cast<uint32_t>(random())};
  Stream stream;
  stream.begin(first, &limits, &storage_);
  std::string wrong = run_steps(random, stream, first);
  if (stream.frontier().value < first.value) ++seen.wraps;
  stream.clear();
  if (!wrong.empty()) return wrong;
  if (segments_.frames.in_use() != 0) return "frames are left";
  if (pool_.in_use() != 0) return "held bytes are left";
  if (storage_.bytes != 0) return "the account is not settled";
  seen.rewritten = counters_.get(Counter::kSegmentsRewritten);
  seen.ahead = counters_.get(Counter::kSegmentsOutOfOrder);
  return {};
}

std::string Model::run_steps(std::mt19937& random, Stream& stream, SeqNum first) {
  MoodyConsumer consumer(random);
  const bool early = random() % 2 == 0, before = random() % 2 == 0;
  std::array<Receiver, 4> receivers{
      Receiver(first, {.last_copy_wins = false}), Receiver(first, {.last_copy_wins = true}),
      Receiver(first, {false, early, before}), Receiver(first, {true, early, before})};
  const Receiver& existing = receivers[random() % receivers.size()];
  const uint32_t fin_rate = random() % 3 == 0 ? 6 : 60;
  std::string payload;
  for (int step = 0; step < 120; ++step) {
    if (random() % 5 == 0 && !consumer.cut) stream.resume(consumer);
    if (random() % 4 == 0) stream.acknowledge(existing.next());
    const auto offset = static_cast<uint32_t>(random() % kStreamBytes);
    payload.assign(random() % 20, 'a');
    for (char& c : payload) c = static_cast<char>('a' + random() % 26);
    uint8_t flags = packet::kAck;
    if (random() % fin_rate == 0) flags |= packet::kFin;
    seen.fins += (flags & packet::kFin) != 0;
    packet::Frame* frame = segments_.make(first + offset, payload, flags);
    if (frame == nullptr) return "no frame";
    TcpPacket tcp = packet::parse(*frame);
    const Ruling ruling = stream.accept(*frame, tcp, consumer, counters_);
    seen.caps += ruling.fate == Fate::kDrop && (ruling.reason == Counter::kDropOutOfOrderCap ||
                                                ruling.reason == Counter::kDropRetainedCap);
    if (ruling.fate == Fate::kForward) {
      // Lost behind us for some, for all, or for none.
      const auto bytes = tcp.payload(*frame);
      for (Receiver& receiver : receivers) {
        if (random() % 4 != 0) receiver.receive(tcp.seq, bytes, tcp.has(packet::kFin));
      }
    }
    segments_.frames.release(frame);
    for (const Receiver& receiver : receivers) {
      const size_t n = receiver.read.size();
      if (n > consumer.read.size()) return "read before it was scanned";
      if (receiver.read != std::string_view(consumer.read).substr(0, n)) {
        return fmt::format("read \"{}\", scanned \"{}\"", receiver.read, consumer.read);
      }
    }
    if (existing.finished()) break;
  }
  seen.octets += existing.read.size();
  seen.finished += existing.finished();
  return {};
}

TEST(StreamModel, EveryReceiverReadsWhatWasScanned) {
  Model model;
  if (const char* seed = std::getenv("POSTERN_MODEL_SEED")) {
    EXPECT_EQ(model.run_session(static_cast<uint32_t>(std::atoll(seed))), "");
    return;
  }
  const char* asked = std::getenv("POSTERN_MODEL_SESSIONS");
  const uint32_t sessions = asked != nullptr ? static_cast<uint32_t>(std::atoll(asked)) : kSessions;
  for (uint32_t seed = 1; seed <= sessions; ++seed) {
    ASSERT_EQ(model.run_session(seed), "") << "replay with POSTERN_MODEL_SEED=" << seed;
  }
  EXPECT_GT(model.seen.octets, sessions * 10);
  if (sessions < 2000) return;
  EXPECT_GT(model.seen.wraps, sessions / 10);
  EXPECT_GT(model.seen.fins, sessions);
  EXPECT_GT(model.seen.finished, sessions / 100);
  EXPECT_GT(model.seen.rewritten, sessions);
  EXPECT_GT(model.seen.ahead, sessions);
  EXPECT_GT(model.seen.caps, sessions / 10);
}

}  // namespace
}  // namespace postern::tcp
