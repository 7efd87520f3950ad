// Whole SMTP connections as frames.
//
// Theory of operation. A recording is made by playing a connection once, between a client and a
// server that exist only here, through a real pipeline: each end acknowledges what reaches it, and
// the client does after a refusal what a mail server does (QUIT, then its FIN). Every frame that an
// end gave to the pipeline is kept, and so is what the connection added to the pipeline's counters.
// Replayed, the frames meet the same answers, because the length of every forged reply is the same
// each time; the counters prove it.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bench/mail.h"
#include "dataplane/counters.h"
#include "dataplane/packet/heap_frames.h"
#include "dataplane/packet/testing/builder.h"
#include "dataplane/verdict/static_verdicts.h"
#include "dataplane/worker/pipeline.h"

namespace postern::bench {

inline constexpr size_t kCounters = static_cast<size_t>(Counter::kCount);
using CounterValues = std::array<uint64_t, kCounters>;
CounterValues values_of(const Counters& counters);

struct RecordedFrame {
  packet::Side arrives;
  std::vector<uint8_t> bytes;
};

struct Conversation {
  std::vector<RecordedFrame> frames;  // as they arrive at the gate, in order
  size_t opening_frames = 0;          // handshake, greeting and EHLO: before the transaction
  uint32_t messages = 0;              // said to their end, the refused one too
  bool refused = false;               // the last message; a refusal ends the connection
  uint64_t frames_sent = 0;           // by the gate, its own included
  CounterValues counters{};           // what the connection adds to each
};

// The client of every recording; a replay gives each connection its own.
inline constexpr const char* kClient = "10.0.0.1:40000";
inline constexpr const char* kServer = "198.51.100.1:25";
// The envelope of every message.
inline constexpr const char* kHelo = "mail.customer.example";
inline constexpr const char* kMailFrom = "some.sender@customer.example";
inline constexpr const char* kRcptTo = "reader@internet.example";

// A bounded queue of events that somebody always empties in time.
class EventRing : public worker::EventSink {
 public:
  worker::Event* reserve() override { return &events_[published % kEvents]; }
  void publish(worker::Event*) override { ++published; }
  uint64_t published = 0;

 private:
  static constexpr size_t kEvents = 1024;
  std::vector<worker::Event> events_{kEvents};
};

class Recorder : public worker::Transmitter {
 public:
  // `set` and `scratch` as Pipeline::use_signature_set() wants them; null: messages go unscanned.
  static std::expected<std::unique_ptr<Recorder>, std::string> create(
      std::shared_ptr<const scan::SignatureSet> set, scan::MessageScan::Scratch* scratch);
  ~Recorder() override;

  // One connection that carries the messages one after another. A refusal ends it: the messages
  // behind that one go unsaid (Conversation::messages). The error says where the conversation went
  // another way than mail servers go.
  std::expected<Conversation, std::string> record(std::span<const Message> messages);
  std::expected<Conversation, std::string> record(const Message& message) {
    return record({&message, 1});
  }
  // One that stops and stays open, everything being acknowledged: after the server's reply to EHLO,
  // or after about so many octets of the message's data. Its counters are not kept.
  std::expected<Conversation, std::string> record_unfinished(const Message* message, size_t octets);

  void send(packet::Frame* frame, packet::Side out) override;

 private:
  // One of the two hosts.
  struct End {
    packet::Side side;
    const char* name;
    const char* peer_name;
    uint32_t next = 0;       // its next sequence number
    uint32_t peer_next = 0;  // what it has of the other's
    std::string heard;       // since it was last asked
    bool was_reset = false;
  };

  void say(End& end, std::string payload, uint8_t flags);
  // True when the end was told something that begins with `reply`; forgets what it was told.
  bool was_told(End& end, std::string_view reply);
  void open();
  std::expected<void, std::string> begin_message(const Message& message);
  std::expected<void, std::string> deliver(const Message& message);
  std::expected<void, std::string> close(const Message& last);
  void send_message(std::string_view data);
  void let_it_be_forgotten();

  packet::HeapFrames frames_{4096};
  verdict::StaticVerdicts verdicts_;
  EventRing events_;
  Counters counters_;
  std::unique_ptr<worker::Pipeline> pipeline_;
  Now now_{.monotonic_us = 1'000'000, .wall_us = 1'700'000'000'000'000};
  End client_{packet::Side::kInside, kClient, kServer};
  End server_{packet::Side::kOutside, kServer, kClient};
  Conversation conversation_;
};

}  // namespace postern::bench
