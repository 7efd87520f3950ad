// What begins a mail connection, and what belongs to none that we know.
//
// Theory of operation. A SYN costs nothing: that of a blocked sender is answered by SynAnswers, any
// other goes on without its data (TCP Fast Open, RFC 7413: the client says it again). The server's
// SYN-ACK costs a place among the Handshakes. The client's ACK that fits it makes the flow, in the
// state that the sender's verdict asks for. What else comes without a flow is of a connection that
// was open before we started, which passes or not as configured, or of one that we have forgotten
// and that is over for us: what its client says does not pass, and its server is told by a RST.
// Which connections began since we started is remembered, so that none passes for an older one.
#pragma once

#include "dataplane/worker/connections.h"
#include "dataplane/worker/handshakes.h"
#include "dataplane/worker/syn_answers.h"

namespace postern::worker {

class Admission {
 public:
  // All arguments outlive it.
  Admission(const PipelineConfig& config, packet::FrameSource* frames, Transmitter* transmitter,
            Counters* counters, const verdict::VerdictSource* verdicts, MessageDesk* desk,
            Connections* connections);

  // Now the first frame has come.
  void start(const Now& now) { started_us_ = now.monotonic_us; }

  // A segment of a mail port, with what is known of it: its connection's hash and flow (null: none)
  // whether it travels towards the server, and of some SYNs the verdict on their sender (null: not
  // looked up yet). Each takes the frame's reference.
  struct Arrival {
    packet::Frame* frame;
    packet::TcpPacket& tcp;
    packet::Side side;
    uint64_t hash;
    Flow* flow;
    bool to_server;
    const verdict::Verdict* verdict;
  };
  void syn(const Arrival& arrival, const Now& now);
  void syn_ack(const Arrival& arrival, const Now& now);
  // A SYN the other way round: of a connection that is not mail, or of one that both ends open at
  // once (RFC 9293 figure 7).
  void stray_syn(const Arrival& arrival);
  // Any other segment of a connection without a flow, or whose flow may be about to be renewed.
  // True: it completes a handshake and has been dealt with.
  bool begins(const Arrival& arrival, const Now& now);
  // One without a flow that begins nothing.
  void unknown(const Arrival& arrival, const Now& now);

  // SYN-ACKs of ours that nobody answered are repeated.
  void repeat(const Now& now);
  // Whether new connections can be taken on at all: while not, fail.overload says what becomes of
  // them.
  void set_overloaded(bool overloaded) { overloaded_ = overloaded; }

 private:
  bool completes_handshake(const Arrival& arrival, const Now& now);
  void open(const Arrival& arrival, const Connection::Opening& opening, const Now& now);
  void open_blocked(const Arrival& arrival, const verdict::Verdict& verdict, const Now& now);
  bool in_window(const Now& now) const;
  bool open_before_us(const Arrival& arrival, const Now& now);
  void pass_on(const Arrival& arrival, Counter counted_as);
  void take_data_off(const Arrival& arrival);
  void reset_server(const Arrival& arrival);
  void discard(packet::Frame* frame, Counter reason);

  const PipelineConfig& config_;
  packet::FrameSource* frames_;
  Transmitter* transmitter_;
  Counters* counters_;
  const verdict::VerdictSource* verdicts_;
  MessageDesk* desk_;
  Connections* connections_;
  Handshakes handshakes_;
  SynAnswers syn_answers_;
  ConnectionFilter begun_;  // connections whose SYN-ACK we saw in the window
  uint64_t started_us_ = 0;
  uint32_t proven_ = 0;  // connections older than us that their server has spoken in
  bool overloaded_ = false;
};

}  // namespace postern::worker
