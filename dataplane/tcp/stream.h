// One direction of a TCP connection, as seen from the middle of the wire (RFC 9293).
//
// Theory of operation. A stream has a frontier: every byte before it was given to the consumer, in
// order, once. Four things happen to a segment's payload:
//
//   acknowledged  before `acknowledged_`: the receiver has it; such bytes are cut off
//   retained      from there to the frontier: scanned and forwarded, but not acknowledged. Kept, so
//                 that a retransmission with other bytes is rewritten to what was scanned
//   new           at the frontier: given to the consumer, which says how far they may pass
//   ahead         behind a gap: kept, and forwarded early, since a receiver cannot read past a gap.
//                 The segment that closes the gap waits for the consumer's word on all of it. Not
//                 so where the consumer may have to wait for the receiver's word on part of it:
//                 the gap could then never be closed. There the segment is dropped
//
// The first copy of a byte wins, whatever comes later and wherever it lies. Kept payload stays in
// the frame it came in (a reference, not a copy). Everything kept is paid for from three allowances
// in bytes of buffer: the flow's, the worker's, and its host's fair share of the worker's. When one
// is used up the segment is dropped, counted under that allowance, and the sender sends it again.
#pragma once

#include <cstdint>
#include <span>

#include "base/pool.h"
#include "dataplane/counters.h"
#include "dataplane/packet/frame.h"
#include "dataplane/packet/parse.h"
#include "dataplane/packet/seq.h"

namespace postern::tcp {

using packet::Frame;
using packet::SeqNum;
using packet::TcpPacket;

// Payload kept: `length` bytes at `begin`, lying at `bytes` in `frame`.
struct Held {
  SeqNum begin;
  uint32_t length = 0;
  const uint8_t* bytes = nullptr;
  Frame* frame = nullptr;
  Held* next = nullptr;
  SeqNum end() const { return begin + length; }
};

// What all streams of a worker share.
struct Storage {
  FixedPool<Held>* pool = nullptr;
  uint64_t bytes = 0;  // of buffer behind what is held
  uint64_t byte_limit = 0;
  uint64_t free_bytes() const { return bytes < byte_limit ? byte_limit - bytes : 0; }
};

struct StreamLimits {
  uint32_t ahead_bytes =
      0;  // of buffer, behind gaps; also how far ahead of the frontier a segment may lie
  uint32_t retained_bytes = 0;  // of buffer, scanned and not acknowledged
};

// What the consumer says about bytes it was given.
enum class Word : uint8_t {
  kPass,    // all taken
  kWait,    // taken up to `taken`; offer the rest again when asked
  kCut,     // taken up to `taken`; nothing behind may ever pass
  kRelease  // taken up to `taken`; the stream needs no watching any more
};
struct Taken {
  uint32_t taken;
  Word word;
  bool rewritten =
      false;  // the consumer has changed some of the bytes: they pass, and are kept, so
};
class Consumer {
 public:
  virtual ~Consumer() = default;
  virtual Taken take(std::span<uint8_t> bytes) = 0;
  // Whether all of the next `bytes`, whatever they are, will be taken as they are and without
  // waiting for anything that the receiver has to say about them.
  virtual bool takes_without_reply(uint32_t bytes) const {
    (void)bytes;
    return true;
  }
};

// What becomes of the segment. The stream has edited it accordingly.
enum class Fate : uint8_t { kForward, kDrop };
struct Ruling {
  Fate fate = Fate::kForward;
  Counter reason = Counter::kCount;  // when dropped
  Word word = Word::kPass;           // the consumer's last, when it was asked
};

class Stream {
 public:
  // `host_bytes`: what all streams of this one's host hold; null: it has no share to keep to.
  void begin(SeqNum first_byte, const StreamLimits* limits, Storage* storage,
             uint64_t* host_bytes = nullptr);

  // Judges and, where needed, edits a segment travelling in this direction. `keep_waiting_bytes`:
  // the capture reader's mode, in which bytes past a kWait are kept although they went by.
  Ruling accept(Frame& frame, TcpPacket& tcp, Consumer& consumer, Counters& counters,
                bool keep_waiting_bytes = false);
  // Offers bytes that are kept at the frontier (after kWait) to the consumer again.
  Word resume(Consumer& consumer);
  // The receiver acknowledged all before `ack`.
  void acknowledge(SeqNum ack);
  // Gives everything back.
  void clear();

  SeqNum frontier() const { return frontier_; }  // FIN counted once it is in order
  SeqNum acknowledged() const { return acknowledged_; }
  bool finished() const { return finished_; }  // FIN reached the frontier
  bool finish_acknowledged() const { return finished_ && acknowledged_ == frontier_; }
  bool has_gap() const { return ahead_ != nullptr; }
  // True when a segment that begins at `seq` could be one of this connection's.
  bool plausible(SeqNum seq) const;

 private:
  bool fits_finish(Frame& frame, TcpPacket& tcp) const;
  bool overwrite_with_first_copies(Frame& frame, const TcpPacket& tcp) const;
  Counter shortage(const Frame& frame, uint32_t flow_bytes, uint32_t flow_limit,
                   Counter flow_cap) const;
  void pay_for(const Frame& frame);
  Counter keep(Frame& frame, SeqNum begin, const uint8_t* bytes, uint32_t length, Held** list);
  Ruling accept_ahead(Frame& frame, TcpPacket& tcp, const Consumer& consumer, Counters& counters,
                      bool keep_waiting_bytes);
  Ruling accept_new(Frame& frame, TcpPacket& tcp, Consumer& consumer, Counters& counters,
                    bool keep_waiting_bytes);
  Taken offer(Consumer& consumer, std::span<uint8_t> bytes);
  void retain(Held* held);
  void drop(Held* held, uint32_t* account);
  void discard_ahead_before_frontier();
  void note_early_finish();
  void withhold_from(SeqNum seq);
  Ruling stop_at(SeqNum limit, Frame& frame, TcpPacket& tcp, Word word, Counters& counters);

  SeqNum frontier_, acknowledged_;
  SeqNum finish_at_;  // where an early FIN stands
  bool finish_known_ = false;
  bool finished_ = false;
  bool cut_ = false;  // the consumer said kCut: the frontier never moves again
  // The consumer stopped inside bytes that had left early, behind a gap. The gap then stays open to
  // the receiver: nothing from here on passes until the consumer has taken them.
  bool withholding_ = false;
  SeqNum withheld_from_;
  uint32_t ahead_bytes_ = 0, retained_bytes_ = 0;
  Held* ahead_ = nullptr;  // by sequence, no overlaps
  Held* ahead_last_ = nullptr;
  Held* retained_ = nullptr;  // by sequence, contiguous
  Held* retained_last_ = nullptr;
  const StreamLimits* limits_ = nullptr;
  Storage* storage_ = nullptr;
  uint64_t* host_bytes_ = nullptr;
};

}  // namespace postern::tcp
