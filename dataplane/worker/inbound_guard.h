// Who from outside may open mail connections to hosts that a guard protects.
//
// Theory of operation. Only the segment that opens a connection is asked about: without its SYN no
// server has one. So what was open before the guard stays open, and a host that nobody guards costs
// one look at a segment's flags. It is asked before anything else is done with mail from outside,
// whether that is inspected or not. What cannot be read here as a whole segment, but perhaps by its
// receiver, does not get to a guarded host either.
#pragma once

#include "dataplane/counters.h"
#include "dataplane/packet/forge.h"
#include "dataplane/packet/parse.h"
#include "dataplane/time.h"
#include "dataplane/verdict/verdict.h"

namespace postern::worker {

class Transmitter;
struct PipelineConfig;

class InboundGuard {
 public:
  // All arguments outlive it.
  InboundGuard(const PipelineConfig& config, packet::FrameSource* frames, Transmitter* transmitter,
               Counters* counters, const verdict::VerdictSource* verdicts)
      : config_(config),
        frames_(frames),
        transmitter_(transmitter),
        counters_(counters),
        verdicts_(verdicts) {}

  // Of a frame from outside to a mail port. True: it does not pass, and its reference was taken.
  bool stops(packet::Frame* frame, const packet::TcpPacket& tcp, const Now& now) {
    return may_open(tcp) && stops_opening(frame, tcp, now);
  }

 private:
  // Flags can be trusted only of a whole segment.
  static bool may_open(const packet::TcpPacket& tcp) {
    if (tcp.kind != packet::Kind::kTcp) return true;
    return tcp.has(packet::kSyn) && !tcp.has(packet::kAck);
  }
  bool stops_opening(packet::Frame* frame, const packet::TcpPacket& tcp, const Now& now);
  Counter reason_to_drop(const packet::Frame& frame, const packet::TcpPacket& tcp) const;
  void reset(const packet::Frame& frame, const packet::TcpPacket& syn);

  const PipelineConfig& config_;
  packet::FrameSource* frames_;
  Transmitter* transmitter_;
  Counters* counters_;
  const verdict::VerdictSource* verdicts_;
};

}  // namespace postern::worker
