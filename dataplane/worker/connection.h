// What happens to the segments of one connection: the states of flow.h put to work.
//
// Theory of operation. An inspected connection is two tcp::Streams that feed one smtp::Session.
// When the session refuses a message, the client's stream is cut for good before the message's end
// and the connection waits until the server has answered all earlier commands and the client has
// those answers in order (kRefusing). Then we take the server's part (kAnswering): the client gets
// our reply in the server's sequence space, the server a RST as soon as the client has acknowledged
// all that the server said, so that nothing of it is lost with the server.
#pragma once

#include "base/pool.h"
#include "dataplane/counters.h"
#include "dataplane/packet/parse.h"
#include "dataplane/smtp/replies.h"
#include "dataplane/tcp/stream.h"
#include "dataplane/time.h"
#include "dataplane/worker/flow.h"
#include "dataplane/worker/message_desk.h"
#include "dataplane/worker/pipeline.h"

namespace postern::worker {

class Connection {
 public:
  struct Shared {
    const PipelineConfig* config;
    packet::FrameSource* frames;
    Transmitter* transmitter;
    Counters* counters;
    MessageDesk* desk;
    const smtp::ReplyTexts* texts;
    tcp::StreamLimits stream_limits;
    smtp::Limits session_limits;
    tcp::Storage* storage;
    FixedPool<Answer>* answers;          // for refused messages
    FixedPool<Answer>* blocked_answers;  // for blocked senders: a flood of theirs starves only them
  };

  Connection(const Shared& shared, Flow& flow, const Now& now)
      : s_(shared), flow_(flow), now_(now) {}

  // The server has agreed to the connection (`syn_ack` arrived): `flow` becomes a new, inspected or
  // uninspected one.
  void open(const packet::Frame& frame, const packet::TcpPacket& syn_ack, FlowState state);
  // The sender is blocked: its SYN is answered by us. False: no memory for that.
  bool open_blocked(const packet::Frame& frame, const packet::TcpPacket& syn,
                    CaseReference case_reference, packet::SeqNum our_initial);

  // A segment without SYN, travelling in that direction. Takes the frame's reference.
  void from_client(packet::Frame* frame, packet::TcpPacket& tcp);
  void from_server(packet::Frame* frame, packet::TcpPacket& tcp);
  // The client sent its SYN again while we are still answering the first.
  void repeat_blocked_syn();

  // The flow's timer ran out. False: the flow is to be forgotten.
  bool expired();
  // True when nothing can come that needs the flow.
  bool over() const;
  // Gives back all that the flow holds; reports a message under way as abandoned.
  void close();
  uint64_t deadline_us() const;

 private:
  void begin(const packet::TcpPacket& first, bool from_server);
  void note_timestamps(const packet::Frame& frame, const packet::TcpPacket& tcp, bool from_server);
  void inspected_from_client(packet::Frame* frame, packet::TcpPacket& tcp);
  void inspected_from_server(packet::Frame* frame, packet::TcpPacket& tcp);
  void answered_from_client(packet::Frame* frame, packet::TcpPacket& tcp);
  void answered_from_server(packet::Frame* frame, packet::TcpPacket& tcp);
  bool reset_plausible(const tcp::Stream& stream, const packet::TcpPacket& tcp) const;
  void obey(tcp::Word word);
  void try_answer(bool forced = false);
  void let_responder_read(std::span<const uint8_t> bytes);
  void send_answer();
  void reset_server();
  void send_reset_to_server(packet::SeqNum seq);
  void pass_unread(packet::Frame* frame, const packet::TcpPacket& tcp, packet::Side from);
  void become_opaque();
  void forward(packet::Frame* frame, packet::Side from);
  void discard(packet::Frame* frame, Counter reason);

  const Shared& s_;
  Flow& flow_;
  const Now& now_;
};

}  // namespace postern::worker
