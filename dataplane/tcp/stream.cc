#include "dataplane/tcp/stream.h"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/edit.h"

namespace postern::tcp {

void Stream::begin(SeqNum first_byte, const StreamLimits* limits, Storage* storage,
                   uint64_t* host_bytes) {
  *this = Stream();
  frontier_ = acknowledged_ = first_byte;
  limits_ = limits;
  storage_ = storage;
  host_bytes_ = host_bytes;
}

bool Stream::plausible(SeqNum seq) const {
  // Old duplicates lie behind by less than half the window space; new ones ahead by what we can
  // hold.
  return seq - frontier_ <= static_cast<int32_t>(limits_->ahead_bytes) &&
         seq - acknowledged_ > -(1 << 30);
}

Ruling Stream::accept(Frame& frame, TcpPacket& tcp, Consumer& consumer, Counters& counters,
                      bool keep_waiting_bytes) {
  if (!plausible(tcp.seq)) return {Fate::kDrop, Counter::kDropOutOfWindow};
  if (tcp.sequence_length() == 0) {
    // Before what the receiver expects: it is asked for a sign of life (RFC 9293 3.8.4, 3.8.6.1).
    if (tcp.seq < acknowledged_) counters.add(Counter::kSegmentsProbe);
    return {};
  }
  const SeqNum end = tcp.seq + tcp.payload_length;

  if (end <= acknowledged_ && tcp.payload_length > 0 &&
      !(tcp.has(packet::kFin) && end == acknowledged_ && !finished_)) {
    // All of it has arrived: the sender missed the acknowledgement. Without its payload, and before
    // what the receiver expects, the segment draws it again (RFC 9293 3.10.7.4).
    const bool probe = tcp.payload_length == 1 && end == acknowledged_ && end == frontier_;
    counters.add(probe ? Counter::kSegmentsProbe : Counter::kSegmentsRetransmitted);
    packet::trim_to(frame, tcp, 0);
    return {};
  }
  if (tcp.seq < acknowledged_ && tcp.payload_length > 0) {
    counters.add(Counter::kSegmentsTrimmed);
    packet::trim_front(frame, tcp, static_cast<uint32_t>(acknowledged_ - tcp.seq));
  }
  if (tcp.payload_length > 0 && overwrite_with_first_copies(frame, tcp)) {
    counters.add(Counter::kSegmentsRewritten);
  }
  if (!fits_finish(frame, tcp)) return {Fate::kDrop, Counter::kDropAfterFin};
  if (cut_ || withholding_) {
    const SeqNum limit = withholding_ ? withheld_from_ : frontier_;
    if (end > limit || (tcp.has(packet::kFin) && end >= limit)) {
      return stop_at(limit, frame, tcp, cut_ ? Word::kCut : Word::kWait, counters);
    }
  }
  if (tcp.seq > frontier_) {
    return accept_ahead(frame, tcp, consumer, counters, keep_waiting_bytes);
  }
  if (tcp.seq + tcp.payload_length <= frontier_ &&
      !(tcp.has(packet::kFin) && tcp.seq + tcp.payload_length == frontier_)) {
    counters.add(Counter::kSegmentsRetransmitted);
    return {};
  }
  return accept_new(frame, tcp, consumer, counters, keep_waiting_bytes);
}

// There is one end, and no octets behind it: the first FIN says where, unless octets that lie
// behind it have left already. Some receivers read on past a FIN (4.4BSD's reassembly does). Takes
// a FIN off that is not that end; false when octets would pass behind it.
bool Stream::fits_finish(Frame& frame, TcpPacket& tcp) const {
  const SeqNum end = tcp.seq + tcp.payload_length;
  bool believed = true;
  if (finished_ || finish_known_) {
    const SeqNum finish = finished_ ? SeqNum{frontier_.value - 1} : finish_at_;
    if (tcp.payload_length > 0 && end > finish) return false;
    believed = end == finish;
  } else if (tcp.has(packet::kFin)) {
    believed = end >= frontier_ && (ahead_ == nullptr || ahead_last_->end() <= end);
  }
  if (!believed && tcp.has(packet::kFin)) packet::clear_flags(frame, tcp, packet::kFin);
  return true;
}

// Lets nothing from `limit` on pass: cuts the segment there. What is left may be nothing but an
// acknowledgement, which is worth forwarding only when the sender will not soon repeat it.
Ruling Stream::stop_at(SeqNum limit, Frame& frame, TcpPacket& tcp, Word word, Counters& counters) {
  const uint32_t passes = tcp.seq < limit ? static_cast<uint32_t>(limit - tcp.seq) : 0;
  packet::trim_to(frame, tcp, passes);
  if (passes >= tcp.payload_length && tcp.has(packet::kFin)) {
    packet::clear_flags(frame, tcp, packet::kFin);
  }
  if (passes > 0) {
    counters.add(Counter::kSegmentsTrimmed);
    return {Fate::kForward, Counter::kCount, word};
  }
  if (word == Word::kCut) return {Fate::kForward, Counter::kCount, word};
  return {Fate::kDrop, Counter::kDropWait, word};
}

// Rewrites the payload where it overlaps bytes that are kept. True if that changed anything.
bool Stream::overwrite_with_first_copies(Frame& frame, const TcpPacket& tcp) const {
  const SeqNum end = tcp.seq + tcp.payload_length;
  uint8_t* payload = packet::payload_bytes(frame, tcp);
  bool changed = false;
  // Mostly there is nothing to look for: new bytes stand behind all that is kept.
  const Held* const retained = tcp.seq < frontier_ ? retained_ : nullptr;
  const Held* const ahead = ahead_ != nullptr && tcp.seq < ahead_last_->end() ? ahead_ : nullptr;
  for (const Held* list : {retained, ahead}) {
    for (const Held* held = list; held != nullptr && held->begin < end; held = held->next) {
      const SeqNum from = later(held->begin, tcp.seq), to = earlier(held->end(), end);
      if (to <= from) continue;
      uint8_t* theirs = payload + (from - tcp.seq);
      const uint8_t* first = held->bytes + (from - held->begin);
      const auto length = static_cast<size_t>(to - from);
      if (theirs != first && std::memcmp(theirs, first, length) != 0) {
        std::memcpy(theirs, first, length);
        changed = true;
      }
    }
  }
  if (changed) frame.checksum_needed = true;
  return changed;
}

Ruling Stream::accept_ahead(Frame& frame, TcpPacket& tcp, const Consumer& consumer,
                            Counters& counters, bool keep_waiting_bytes) {
  const SeqNum end = tcp.seq + tcp.payload_length;
  counters.add(Counter::kSegmentsOutOfOrder);
  if (!keep_waiting_bytes &&
      !consumer.takes_without_reply(static_cast<uint32_t>(end - frontier_))) {
    return {Fate::kDrop, Counter::kDropAheadOfCommands};
  }
  // Keep the parts that no earlier segment brought.
  SeqNum at = tcp.seq;
  const bool last = ahead_ != nullptr && tcp.seq >= ahead_last_->end();
  Held** link = last ? &ahead_last_->next : &ahead_;
  while (at < end) {
    while (*link != nullptr && (*link)->end() <= at) link = &(*link)->next;
    const SeqNum stop = *link != nullptr ? earlier(end, later(at, (*link)->begin)) : end;
    if (at < stop) {
      const uint8_t* bytes = packet::payload_bytes(frame, tcp) + (at - tcp.seq);
      const Counter lack = keep(frame, at, bytes, static_cast<uint32_t>(stop - at), link);
      if (lack != Counter::kCount) return {Fate::kDrop, lack};
      link = &(*link)->next;
      at = stop;
    }
    if (*link != nullptr && (*link)->begin <= at) at = later(at, (*link)->end());
  }
  if (tcp.has(packet::kFin) && !finish_known_) {
    finish_known_ = true;
    finish_at_ = end;
  }
  return {};
}

// Which allowance is too small for this frame; kCount: none.
Counter Stream::shortage(const Frame& frame, uint32_t flow_bytes, uint32_t flow_limit,
                         Counter flow_cap) const {
  if (flow_bytes + frame.capacity > flow_limit) return flow_cap;
  if (frame.capacity > storage_->free_bytes()) return Counter::kDropHeldCap;
  if (host_bytes_ != nullptr && *host_bytes_ + frame.capacity > storage_->free_bytes()) {
    return Counter::kDropHostShare;
  }
  return Counter::kCount;
}

// One more reference to the frame is kept.
void Stream::pay_for(const Frame& frame) {
  storage_->bytes += frame.capacity;
  if (host_bytes_ != nullptr) *host_bytes_ += frame.capacity;
}

// Links a new Held in at *link. Otherwise says what there is too little of.
Counter Stream::keep(Frame& frame, SeqNum begin, const uint8_t* bytes, uint32_t length,
                     Held** link) {
  const Counter lack =
      shortage(frame, ahead_bytes_, limits_->ahead_bytes, Counter::kDropOutOfOrderCap);
  if (lack != Counter::kCount) return lack;
  Held* held = storage_->pool->take();
  if (held == nullptr) return Counter::kDropHeldCap;
  frame.source->retain(&frame);
  *held = {begin, length, bytes, &frame, *link};
  *link = held;
  if (held->next == nullptr) ahead_last_ = held;
  ahead_bytes_ += frame.capacity;
  pay_for(frame);
  return Counter::kCount;
}

Taken Stream::offer(Consumer& consumer, std::span<uint8_t> bytes) {
  const Taken taken = consumer.take(bytes);
  if (taken.word != Word::kPass) return taken;
  return {static_cast<uint32_t>(bytes.size()), Word::kPass, taken.rewritten};
}

Ruling Stream::accept_new(Frame& frame, TcpPacket& tcp, Consumer& consumer, Counters& counters,
                          bool keep_waiting_bytes) {
  const SeqNum end = tcp.seq + tcp.payload_length;
  const bool fin = tcp.has(packet::kFin);
  const uint32_t fresh = static_cast<uint32_t>(end - frontier_);
  const SeqNum gap_began = frontier_;
  Ruling ruling;
  if (fresh > 0) {
    const Counter lack =
        shortage(frame, retained_bytes_, limits_->retained_bytes, Counter::kDropRetainedCap);
    if (lack != Counter::kCount) return {Fate::kDrop, lack};
    Held* held = storage_->pool->take();
    if (held == nullptr) return {Fate::kDrop, Counter::kDropHeldCap};
    uint8_t* bytes = packet::payload_bytes(frame, tcp) + (frontier_ - tcp.seq);
    const Taken taken = offer(consumer, {bytes, fresh});
    ruling.word = taken.word;
    if (taken.rewritten) {
      frame.checksum_needed = true;
      counters.add(Counter::kSegmentsMasked);
    }
    *held = {frontier_, taken.taken, bytes, &frame, nullptr};
    if (taken.taken > 0) {
      frame.source->retain(&frame);
      pay_for(frame);
      frontier_ = frontier_ + taken.taken;
      retain(held);
    } else {
      storage_->pool->give(held);
    }
    if (taken.word == Word::kCut) cut_ = true;
    if (taken.taken < fresh && taken.word != Word::kRelease) {
      discard_ahead_before_frontier();
      if (keep_waiting_bytes && taken.word == Word::kWait) {
        const SeqNum stop = ahead_ != nullptr ? earlier(end, ahead_->begin) : end;
        if (frontier_ < stop) {
          keep(frame, frontier_, bytes + taken.taken, static_cast<uint32_t>(stop - frontier_),
               &ahead_);
        }
        return ruling;
      }
      // Bytes right behind the stop may have left early: then not even the part before it may pass.
      const bool joins = ahead_ != nullptr && ahead_->begin == frontier_;
      if (joins) withhold_from(gap_began);
      return stop_at(joins ? gap_began : frontier_, frame, tcp, taken.word, counters);
    }
    if (taken.word == Word::kRelease) return ruling;
  }
  if (fin && !finished_ && frontier_ == end) {
    finished_ = true;
    frontier_ = frontier_ + 1;
    discard_ahead_before_frontier();
    return ruling;
  }
  discard_ahead_before_frontier();
  // The gap is closed: what was kept behind it is in order now. It has left already, so if the
  // consumer stops inside it, this segment is what must not arrive.
  while (ahead_ != nullptr && ahead_->begin == frontier_) {
    const Word word = resume(consumer);
    if (word == Word::kPass) continue;
    ruling.word = word;
    if (word == Word::kRelease || keep_waiting_bytes) return ruling;
    withhold_from(gap_began);
    return stop_at(gap_began, frame, tcp, word, counters);
  }
  note_early_finish();
  return ruling;
}

Word Stream::resume(Consumer& consumer) {
  while (ahead_ != nullptr && ahead_->begin == frontier_) {
    Held* held = ahead_;
    // Should the consumer stop inside, its head is retained and its tail stays: that takes one
    // more.
    Held* head = storage_->pool->take();
    if (head == nullptr) return Word::kWait;
    const Taken taken = offer(consumer, {const_cast<uint8_t*>(held->bytes), held->length});
    frontier_ = frontier_ + taken.taken;
    if (taken.word == Word::kCut) cut_ = true;
    if (taken.taken < held->length) {
      if (taken.taken == 0) {
        storage_->pool->give(head);
        return taken.word;
      }
      *head = {held->begin, taken.taken, held->bytes, held->frame, nullptr};
      head->frame->source->retain(head->frame);
      pay_for(*head->frame);
      retain(head);
      held->begin = frontier_;
      held->bytes += taken.taken;
      held->length -= taken.taken;
      return taken.word;
    }
    storage_->pool->give(head);
    ahead_ = held->next;
    ahead_bytes_ -= held->frame->capacity;
    held->next = nullptr;
    retain(held);
    if (taken.word != Word::kPass) return taken.word;
    discard_ahead_before_frontier();
  }
  if (!cut_) withholding_ = false;
  note_early_finish();
  return Word::kPass;
}

void Stream::withhold_from(SeqNum seq) {
  if (withholding_) return;
  withholding_ = true;
  withheld_from_ = seq;
}

void Stream::note_early_finish() {
  if (!finish_known_ || finished_ || frontier_ != finish_at_) return;
  finished_ = true;
  frontier_ = frontier_ + 1;
}

// Appends to the retained list; the frame's reference and the worker's account go with it.
void Stream::retain(Held* held) {
  retained_bytes_ += held->frame->capacity;
  if (retained_last_ != nullptr) {
    retained_last_->next = held;
  } else {
    retained_ = held;
  }
  retained_last_ = held;
}

void Stream::drop(Held* held, uint32_t* account) {
  *account -= held->frame->capacity;
  storage_->bytes -= held->frame->capacity;
  if (host_bytes_ != nullptr) *host_bytes_ -= held->frame->capacity;
  held->frame->source->release(held->frame);
  storage_->pool->give(held);
}

// New bytes may have covered kept ones (their first copies are in it): those are done with.
void Stream::discard_ahead_before_frontier() {
  while (ahead_ != nullptr && ahead_->end() <= frontier_) {
    Held* held = ahead_;
    ahead_ = held->next;
    drop(held, &ahead_bytes_);
  }
  if (ahead_ != nullptr && ahead_->begin < frontier_) {
    const auto covered = static_cast<uint32_t>(frontier_ - ahead_->begin);
    ahead_->begin = frontier_;
    ahead_->bytes += covered;
    ahead_->length -= covered;
  }
}

void Stream::acknowledge(SeqNum ack) {
  if (ack > frontier_) ack = frontier_;
  if (ack <= acknowledged_) return;
  acknowledged_ = ack;
  while (retained_ != nullptr && retained_->end() <= ack) {
    Held* held = retained_;
    retained_ = held->next;
    if (retained_ == nullptr) retained_last_ = nullptr;
    drop(held, &retained_bytes_);
  }
}

void Stream::clear() {
  while (retained_ != nullptr) {
    Held* held = retained_;
    retained_ = held->next;
    drop(held, &retained_bytes_);
  }
  retained_last_ = nullptr;
  while (ahead_ != nullptr) {
    Held* held = ahead_;
    ahead_ = held->next;
    drop(held, &ahead_bytes_);
  }
}

}  // namespace postern::tcp
