#include "dataplane/tcp/stream.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "dataplane/packet/testing/builder.h"

namespace postern::tcp {
namespace {

using packet::HeapFrames;
using packet::kAck;
using packet::kFin;
using packet::testing::Packet;
using packet::testing::read;
using packet::testing::Seen;

// Takes everything, except that it stops before `stop_at` bytes with `stop_word`.
class Recorder : public Consumer {
 public:
  Taken take(std::span<uint8_t> bytes) override {
    size_t n = bytes.size();
    Word word = Word::kPass;
    if (stop_at && text.size() + n > *stop_at) {
      n = *stop_at - text.size();
      word = stop_word;
    }
    text.append(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(n));
    return {static_cast<uint32_t>(n), word};
  }
  std::string text;
  std::optional<size_t> stop_at;
  Word stop_word = Word::kWait;
};

class StreamTest : public ::testing::Test {
 protected:
  StreamTest() : pool_(64) {
    storage_ = {&pool_, 0, 1 << 20};
    stream_.begin(SeqNum{1000}, &limits_, &storage_);
  }
  ~StreamTest() override {
    stream_.clear();
    EXPECT_EQ(frames_.in_use(), 0u);
    EXPECT_EQ(pool_.in_use(), 0u);
    EXPECT_EQ(storage_.bytes, 0u);
  }
  // The payload that goes on, or "dropped".
  std::string offer(uint32_t seq, std::string payload, uint8_t flags = kAck) {
    packet::Frame* frame =
        Packet{.seq = seq, .flags = flags, .payload = std::move(payload)}.in(frames_);
    TcpPacket tcp = packet::parse(*frame);
    last_ = stream_.accept(*frame, tcp, recorder_, counters_);
    seen_ = read(*frame);
    EXPECT_TRUE(seen_.checksums_right);
    frames_.release(frame);
    return last_.fate == Fate::kForward ? seen_.payload : "dropped";
  }
  HeapFrames frames_{64};
  FixedPool<Held> pool_;
  Storage storage_;
  StreamLimits limits_{.ahead_bytes = 20000, .retained_bytes = 20000};
  Counters counters_;
  Recorder recorder_;
  Stream stream_;
  Ruling last_;
  Seen seen_;
};

TEST_F(StreamTest, BytesInOrderPassAndAreRead) {
  EXPECT_EQ(offer(1000, "EHLO"), "EHLO");
  EXPECT_EQ(offer(1004, " a\r\n"), " a\r\n");
  EXPECT_EQ(recorder_.text, "EHLO a\r\n");
  EXPECT_EQ(stream_.frontier(), SeqNum{1008});
}

TEST_F(StreamTest, AnEarlySegmentPassesAtOnceAndIsReadWhenTheGapCloses) {
  EXPECT_EQ(offer(1004, "efgh"), "efgh");
  EXPECT_EQ(recorder_.text, "");
  EXPECT_EQ(offer(1000, "abcd"), "abcd");
  EXPECT_EQ(recorder_.text, "abcdefgh");
}

TEST_F(StreamTest, ARetransmissionWithOtherBytesIsRewrittenToTheFirstCopy) {
  offer(1000, "abcdefgh");
  EXPECT_EQ(offer(1002, "XXXX"), "cdef");
  EXPECT_EQ(counters_.get(Counter::kSegmentsRewritten), 1u);
  EXPECT_EQ(recorder_.text, "abcdefgh");
}

TEST_F(StreamTest, OverlapWithNewBytesKeepsTheFirstCopyAndReadsTheRest) {
  offer(1000, "abcd");
  EXPECT_EQ(offer(1002, "XXef"), "cdef");
  EXPECT_EQ(recorder_.text, "abcdef");
}

TEST_F(StreamTest, EarlyBytesWinOverTheSegmentThatClosesTheGap) {
  offer(1002, "CD");
  EXPECT_EQ(offer(1000, "abxxef"), "abCDef");
  EXPECT_EQ(recorder_.text, "abCDef");
}

TEST_F(StreamTest, EarlySegmentsOverlapInEveryArrangement) {
  offer(1010, "KLMN");                                     // 1010–1013
  EXPECT_EQ(offer(1008, "ijxx"), "ijKL");                  // before and into
  EXPECT_EQ(offer(1012, "xxop"), "MNop");                  // out of
  EXPECT_EQ(offer(1006, "ghxxxxxxxxqr"), "ghijKLMNopqr");  // around
  EXPECT_EQ(offer(1011, "xx"), "LM");                      // inside
  EXPECT_EQ(offer(1000, "abcdef"), "abcdef");
  EXPECT_EQ(recorder_.text, "abcdefghijKLMNopqr");
}

TEST_F(StreamTest, WhatTheReceiverHasIsCutOff) {
  offer(1000, "abcd");
  stream_.acknowledge(SeqNum{1004});
  EXPECT_EQ(frames_.in_use(), 0u);
  // All of it: an empty segment before what the receiver expects, which draws its acknowledgement.
  EXPECT_EQ(offer(1000, "abcd"), "");
  EXPECT_EQ(seen_.seq, 1000u);
  // Part of it: the new part alone.
  EXPECT_EQ(offer(1002, "XXef"), "ef");
  EXPECT_EQ(seen_.seq, 1004u);
  EXPECT_EQ(recorder_.text, "abcdef");
}

TEST_F(StreamTest, WaitingCutsTheSegmentAndTheRestComesAgain) {
  recorder_.stop_at = 6;
  EXPECT_EQ(offer(1000, "DATA\r\nearly"), "DATA\r\n");
  EXPECT_EQ(offer(1006, "early"), "dropped");
  EXPECT_EQ(last_.reason, Counter::kDropWait);
  recorder_.stop_at.reset();
  EXPECT_EQ(offer(1006, "early"), "early");
  EXPECT_EQ(recorder_.text, "DATA\r\nearly");
}

TEST_F(StreamTest, AGapStaysOpenWhenTheConsumerStopsBehindIt) {
  EXPECT_EQ(offer(1003, "A\r\nearly"), "A\r\nearly");  // left already
  recorder_.stop_at = 6;
  EXPECT_EQ(offer(1000, "DAT"), "dropped");  // would make "early" readable
  EXPECT_EQ(offer(1000, "DAT"), "dropped");  // its retransmission too
  recorder_.stop_at.reset();
  EXPECT_EQ(stream_.resume(recorder_), Word::kPass);
  EXPECT_EQ(offer(1000, "DAT"), "DAT");
  EXPECT_EQ(recorder_.text, "DATA\r\nearly");
}

TEST_F(StreamTest, NothingBehindACutEverPasses) {
  recorder_.stop_at = 3;
  recorder_.stop_word = Word::kCut;
  EXPECT_EQ(offer(1000, "abc\r\n.\r\n"), "abc");
  EXPECT_EQ(last_.word, Word::kCut);
  recorder_.stop_at.reset();
  EXPECT_EQ(offer(1003, "\r\n.\r\n"), "");
  EXPECT_EQ(offer(1000, "abc\r\n.\r\n"), "abc");  // what the server may have missed
  EXPECT_EQ(offer(1010, "QUIT\r\n"), "");
  EXPECT_EQ(offer(1003, "", kAck | kFin), "");
  EXPECT_EQ(seen_.flags & kFin, 0);
  EXPECT_EQ(recorder_.text, "abc");
}

TEST_F(StreamTest, ACutBehindAGapKeepsTheGapOpenForGood) {
  offer(1002, "c\r\n.\r\n");
  recorder_.stop_at = 3;
  recorder_.stop_word = Word::kCut;
  EXPECT_EQ(offer(1000, "ab"), "");
  EXPECT_EQ(last_.word, Word::kCut);
  EXPECT_EQ(offer(1000, "ab"), "");
  EXPECT_EQ(offer(1000, "abc\r\n.\r\n"), "");
}

TEST_F(StreamTest, SequenceNumbersWrap) {
  stream_.clear();
  stream_.begin(SeqNum{0xfffffffc}, &limits_, &storage_);
  EXPECT_EQ(offer(2, "gh"), "gh");
  EXPECT_EQ(offer(0xfffffffc, "abcdef"), "abcdef");
  EXPECT_EQ(recorder_.text, "abcdefgh");
  EXPECT_EQ(offer(0xfffffffe, "xxxx"), "cdef");
  stream_.acknowledge(SeqNum{4});
  EXPECT_EQ(stream_.acknowledged(), SeqNum{4});
}

TEST_F(StreamTest, FinTakesItsPlaceInOrder) {
  offer(1004, "efgh", kAck | kFin);
  EXPECT_FALSE(stream_.finished());
  offer(1000, "abcd");
  EXPECT_TRUE(stream_.finished());
  EXPECT_EQ(stream_.frontier(), SeqNum{1009});
  EXPECT_EQ(offer(1008, "late"), "dropped");  // data behind FIN is none
  EXPECT_EQ(last_.reason, Counter::kDropAfterFin);
  stream_.acknowledge(SeqNum{1009});
  EXPECT_TRUE(stream_.finish_acknowledged());
}

TEST_F(StreamTest, TheAheadAllowanceIsBackPressure) {
  limits_.ahead_bytes = 3 * 2176;
  EXPECT_EQ(offer(1010, "a"), "a");
  EXPECT_EQ(offer(1020, "b"), "b");
  EXPECT_EQ(offer(1030, "c"), "c");
  EXPECT_EQ(offer(1040, "d"), "dropped");
  EXPECT_EQ(last_.reason, Counter::kDropOutOfOrderCap);
  EXPECT_EQ(offer(9000000, "far"), "dropped");
  EXPECT_EQ(last_.reason, Counter::kDropOutOfWindow);
}

TEST_F(StreamTest, TheRetainedAllowanceIsBackPressureUntilAcknowledged) {
  limits_.retained_bytes = 2 * 2176;
  EXPECT_EQ(offer(1000, "a"), "a");
  EXPECT_EQ(offer(1001, "b"), "b");
  EXPECT_EQ(offer(1002, "c"), "dropped");
  EXPECT_EQ(last_.reason, Counter::kDropRetainedCap);
  EXPECT_EQ(recorder_.text, "ab");  // not read either: it comes again
  stream_.acknowledge(SeqNum{1002});
  EXPECT_EQ(offer(1002, "c"), "c");
  EXPECT_EQ(recorder_.text, "abc");
}

}  // namespace
}  // namespace postern::tcp
