#include "dataplane/worker/inbound_guard.h"

#include "dataplane/packet/checksum.h"
#include "dataplane/worker/pipeline.h"

namespace postern::worker {

using packet::Frame;
using packet::Kind;
using packet::TcpPacket;
using verdict::Entry;

bool InboundGuard::stops_opening(Frame* frame, const TcpPacket& tcp, const Now& now) {
  const Entry entry = verdicts_->entry(tcp.source, tcp.destination, now.wall_s());
  if (entry == Entry::kOpen) return false;
  const Counter reason = reason_to_drop(*frame, tcp);
  if (reason == Counter::kDropInboundGuard) counters_->add(Counter::kInboundUnlisted);
  if (config_.observe_only) return false;
  if (reason == Counter::kDropInboundGuard && entry == Entry::kReset && !tcp.has(packet::kRst)) {
    reset(*frame, tcp);
  }
  counters_->add(reason);
  frames_->release(frame);
  return true;
}

Counter InboundGuard::reason_to_drop(const Frame& frame, const TcpPacket& tcp) const {
  if (tcp.kind == Kind::kMalformed) return Counter::kDropMalformed;
  if (tcp.kind == Kind::kFirstFragment) return Counter::kDropFragment;
  const bool trusted = !config_.verify_checksums || frame.checksum_trusted;
  if (!trusted && !packet::checksums_right(frame, tcp)) return Counter::kDropChecksum;
  return Counter::kDropInboundGuard;
}

// As a host answers where nobody listens (RFC 9293 3.5.2). The connection has no octets yet, so
// that no reply is lost by it; and it takes no more to send than the SYN did, so that it helps
// nobody to flood another.
void InboundGuard::reset(const Frame& frame, const TcpPacket& syn) {
  Frame* answer = packet::forge(*frames_, packet::LinkHeader::of(frame, syn).reversed(),
                                {.source = syn.destination,
                                 .destination = syn.source,
                                 .source_port = syn.destination_port,
                                 .destination_port = syn.source_port,
                                 .seq = {0},
                                 .ack = syn.seq + syn.sequence_length(),
                                 .flags = packet::kRst | packet::kAck,
                                 .window = 0,
                                 .maximum_segment_size = {},
                                 .timestamps = {},
                                 .payload = {}});
  if (answer == nullptr) return counters_->add(Counter::kDropNoBuffer);
  counters_->add(Counter::kFramesForged);
  transmitter_->send(answer, packet::Side::kOutside);
}

}  // namespace postern::worker
