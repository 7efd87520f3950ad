#include "dataplane/worker/syn_answers.h"

#include <sodium.h>

#include "dataplane/tcp/endpoint.h"
#include "dataplane/worker/pipeline.h"

namespace postern::worker {

using packet::SeqNum;
using packet::TcpPacket;

namespace {

// A cookie holds for this period of a minute and the next.
constexpr uint64_t kPeriodUs = 1 << 26;

}  // namespace

SynAnswers::SynAnswers(uint32_t repeats, packet::FrameSource* frames, Transmitter* transmitter,
                       Counters* counters)
    : frames_(frames), transmitter_(transmitter), counters_(counters), waiting_(repeats) {
  crypto_shorthash_keygen(secret_.data());
}

// SipHash-2-4: who sees many cookies still cannot make one.
SeqNum SynAnswers::cookie(uint64_t connection, SeqNum client_initial, uint64_t period) const {
  const uint64_t input[3] = {connection, client_initial.value, period};
  uint64_t hash;
  crypto_shorthash(reinterpret_cast<uint8_t*>(&hash), reinterpret_cast<const uint8_t*>(input),
                   sizeof input, secret_.data());
  return {static_cast<uint32_t>(hash)};
}

// Milliseconds, from another beginning on each connection: they do not tell for how long we run.
uint32_t SynAnswers::timestamp(uint64_t connection, const Now& now) const {
  return cookie(connection, {}, UINT64_MAX).value + static_cast<uint32_t>(now.monotonic_us / 1000);
}

void SynAnswers::answer(const packet::Frame& frame, const TcpPacket& syn, packet::Side arrived,
                        uint64_t connection, const Now& now) {
  SynAck syn_ack{.connection = connection,
                 .due_us = now.monotonic_us + kRepeatAfterUs,
                 .link = packet::LinkHeader::of(frame, syn).reversed(),
                 .initial = cookie(connection, syn.seq, now.monotonic_us / kPeriodUs),
                 .acknowledged = syn.seq + 1,
                 .from = syn.destination,
                 .to = syn.source,
                 .from_port = syn.destination_port,
                 .to_port = syn.source_port,
                 .timestamp_echo = {},
                 .out = arrived,
                 .repetitions_left = kRepetitions};
  if (const auto theirs = packet::parse_timestamps(frame, syn)) {
    syn_ack.timestamp_echo = theirs->value;
  }
  send(syn_ack, now);
  queue(syn_ack);
}

void SynAnswers::queue(const SynAck& syn_ack) {
  if (count_ == waiting_.size()) return;
  waiting_[(first_ + count_) % waiting_.size()] = syn_ack;
  ++count_;
}

void SynAnswers::send(const SynAck& syn_ack, const Now& now) {
  packet::ForgedSegment segment{.source = syn_ack.from,
                                .destination = syn_ack.to,
                                .source_port = syn_ack.from_port,
                                .destination_port = syn_ack.to_port,
                                .seq = syn_ack.initial,
                                .ack = syn_ack.acknowledged,
                                .flags = packet::kSyn | packet::kAck,
                                .window = UINT16_MAX,
                                .maximum_segment_size = tcp::Endpoint::kMaximumSegmentSize,
                                .timestamps = {},
                                .payload = {}};
  if (syn_ack.timestamp_echo) {
    segment.timestamps =
        packet::Timestamps{timestamp(syn_ack.connection, now), *syn_ack.timestamp_echo};
  }
  packet::Frame* frame = packet::forge(*frames_, syn_ack.link, segment);
  if (frame == nullptr) return counters_->add(Counter::kDropNoBuffer);
  counters_->add(Counter::kFramesForged);
  transmitter_->send(frame, syn_ack.out);
}

bool SynAnswers::completes(const TcpPacket& segment, uint64_t connection, const Now& now) const {
  const uint64_t period = now.monotonic_us / kPeriodUs;
  const SeqNum ours{segment.ack.value - 1}, theirs{segment.seq.value - 1};
  return cookie(connection, theirs, period) == ours ||
         cookie(connection, theirs, period - 1) == ours;
}

}  // namespace postern::worker
