// What happens to the segments of one connection: the states of flow.h put to work.
//
// Theory of operation. An inspected connection is two tcp::Streams that feed one smtp::Session.
// When the session refuses a message, the client's stream is cut for good before the message's end
// and the connection waits until the server has answered all earlier commands and the client has
// those answers in order (kRefusing). Then we take the server's part (kAnswering): the client gets
// our reply in the server's sequence space, the server a RST as soon as the client has acknowledged
// all that the server said, so that nothing of it is lost with the server.
//
// A connection that we are done with while its server may not be (refused, or silent for too long)
// ends in kEnding: a RST may get lost, and what we forget must not go on unread. The server is
// asked for a sign of life behind each RST; its own RST says that it has ended.
// connection_answer.cc holds what begins with a refusal.
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
  // What is known of a connection when its handshake is complete.
  struct Opening {
    packet::SeqNum client_initial, server_initial;
    packet::Side client_side;
  };

  Connection(const Shared& shared, Flow& flow, const Now& now)
      : s_(shared), flow_(flow), now_(now) {}

  // The client's `segment` completes the handshake: `flow`, its host entered, becomes a new,
  // inspected or uninspected one. The segment itself is still to be given to from_client().
  void open(const packet::Frame& frame, const packet::TcpPacket& segment, const Opening& opening,
            FlowState state);
  // The same with a blocked sender, whose handshake was with us. `timestamp`: the value of ours,
  // now. Returns what there is too little of; kCount: nothing.
  Counter open_blocked(const packet::Frame& frame, const packet::TcpPacket& segment,
                       const Opening& opening, CaseReference case_reference, uint32_t timestamp);

  // A segment without SYN, travelling in that direction. Takes the frame's reference.
  void from_client(packet::Frame* frame, packet::TcpPacket& tcp);
  void from_server(packet::Frame* frame, packet::TcpPacket& tcp);

  // The flow's timer ran out. False: the flow is to be forgotten.
  bool expired();
  // True when nothing can come that needs the flow.
  bool over() const;
  // Gives back all that the flow holds; reports a message under way as abandoned.
  void close();
  // The flow is to be forgotten to make room: its server is told, once.
  void tell_server_of_eviction();
  // How little is lost when the flow is forgotten: 0 nothing, 1 a little; 2: it must stay.
  int worth() const;
  uint64_t deadline_us() const;

 private:
  void begin(const packet::Frame& frame, const packet::TcpPacket& segment, const Opening& opening,
             FlowState state);
  bool old_duplicate(const packet::Frame& frame, const packet::TcpPacket& tcp,
                     tcp::TimestampClock& clock, const tcp::Stream& stream);
  bool reset_counts(packet::Frame* frame, packet::TcpPacket& tcp, const tcp::Stream& stream);
  void inspected_from_client(packet::Frame* frame, packet::TcpPacket& tcp);
  void inspected_from_server(packet::Frame* frame, packet::TcpPacket& tcp);
  void answered_from_client(packet::Frame* frame, packet::TcpPacket& tcp);
  void answered_from_server(packet::Frame* frame, packet::TcpPacket& tcp);
  void ended_from_client(packet::Frame* frame, packet::TcpPacket& tcp);
  void ended_from_server(packet::Frame* frame, const packet::TcpPacket& tcp);
  bool let_through_for_want_of(Counter lack);
  void obey(tcp::Word word);
  void try_answer(bool forced = false);
  void let_responder_read(std::span<const uint8_t> bytes);
  void send_answer();
  void reset_server();
  void send_to_server(packet::SeqNum seq, uint8_t flags);
  std::optional<packet::Timestamps> timestamps_to_client() const;
  Counter shortage_of(const FixedPool<Answer>& answers) const;
  void give_back_answer();
  bool answer_expired();
  void begin_ending();
  void tell_server_again();
  void note_traffic(Traffic& traffic, const tcp::Stream& stream, const packet::TcpPacket& tcp);
  void pass_unread(packet::Frame* frame, const packet::TcpPacket& tcp, packet::Side from);
  void become_unread(FlowState state, Counter counted_as);
  void forward(packet::Frame* frame, packet::Side from);
  void discard(packet::Frame* frame, Counter reason);

  const Shared& s_;
  Flow& flow_;
  const Now& now_;
};

}  // namespace postern::worker
