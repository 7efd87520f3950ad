// A worker's path of a frame, from the NIC's burst to the transmit queue, without the NIC.
//
// Theory of operation. One Pipeline belongs to one worker and sees both directions of every flow it
// is given. It parses the frame, forwards what is not mail, finds the flow, lets dataplane/tcp
// order the payload, lets dataplane/smtp follow it, scans messages, decides at the commit point,
// and sends frames by its Transmitter in the order in which they are to leave. It makes no system
// call, takes no lock, allocates nothing after construction, and knows no DPDK: a fuzzer, a capture
// file, a benchmark and a port drive the same code.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/case_reference.h"
#include "dataplane/counters.h"
#include "dataplane/packet/frame.h"
#include "dataplane/scan/scanner.h"
#include "dataplane/smtp/transaction.h"
#include "dataplane/time.h"
#include "dataplane/verdict/decide.h"
#include "dataplane/verdict/verdict.h"
#include "dataplane/worker/event.h"

namespace postern::worker {

struct Flow;

using FailMode = verdict::FailMode;

// What becomes of connections that were open before we started.
enum class MidStream : uint8_t {
  kPass,  // forwarded untouched
  kReset  // what the client says next does not pass; its server is sent a RST
};

struct PipelineConfig {
  uint32_t worker = 0;  // its number: part of case references
  std::vector<uint16_t> mail_ports{25};
  bool inspect_inbound = false;  // also mail that comes in from the outside port
  bool observe_only = false;     // decide, report, but forward everything (inspect, shadow)
  bool verify_checksums = true;
  double threshold = 5.0;  // a score at or over it refuses
  bool refuse_smuggling = true;
  bool mask_starttls = false;  // hide STARTTLS from senders whose verdict says nothing of it
  FailMode without_signature_set = FailMode::kOpen;
  FailMode on_scan_error = FailMode::kClosed;
  // Closed: what finds no memory waits, by TCP's own means. Open: its connection goes on unread.
  FailMode on_memory_cap = FailMode::kClosed;
  // The worker cannot keep up. Closed: SYNs are dropped. Open: new connections go on unread.
  FailMode on_overload = FailMode::kClosed;
  MidStream mid_stream = MidStream::kPass;
  uint32_t mid_stream_window_s = 900;  // how long after our start a connection can be older than us

  uint32_t flows = 65536;
  uint32_t handshakes = 262144;
  uint32_t messages_in_flight = 1024;
  uint32_t transactions = 16384;
  uint32_t shadow_messages = 0;     // scanned with a shadow set at once; further ones are not
  uint32_t answers = 4096;          // clients that we speak to: refused messages
  uint32_t blocked_answers = 4096;  // and blocked senders
  uint32_t flow_out_of_order_bytes = 2048 * 1024;
  uint32_t flow_retained_bytes = 4096 * 1024;
  uint64_t worker_held_bytes = 256ull * 1024 * 1024;  // out-of-order and retained, all flows
  uint32_t idle_timeout_s = 600;  // RFC 5321 4.5.3.2 lets a client wait 10 minutes
  // Longer than servers repeat a SYN-ACK that is not acknowledged (RFC 9293 3.8.3: Linux 63 s).
  uint32_t embryonic_timeout_s = 75;
  uint32_t closing_timeout_s = 10;  // after a RST, or after we have closed
  uint32_t answer_timeout_s = 60;   // a client silent that long after a refusal is told 421

  std::string greeting_host = "postern";  // in replies we give: 220 HOST ESMTP
  std::string help_url;                   // appended to refusals; empty: none
  std::vector<std::pair<std::string, std::string>> reply_templates;  // key, text: overrides
};

// Takes frames that leave. Owns the one reference it is given.
class Transmitter {
 public:
  virtual ~Transmitter() = default;
  virtual void send(packet::Frame* frame, packet::Side out) = 0;
};

// Told of each message's renderings and of each transaction when it is over; `postern inspect` uses
// it.
class Observer {
 public:
  virtual ~Observer() = default;
  // Renderings of the message in `transaction`; null: not wanted.
  virtual mime::RenderSink* message_begin(const smtp::Transaction& transaction) = 0;
  virtual void message_bytes(const smtp::Transaction& transaction,
                             std::span<const uint8_t> bytes) = 0;
  virtual void transaction_over(const Event& event, const smtp::Transaction& transaction) = 0;
  // A connection that was inspected is over; its state says whether it went on under TLS.
  virtual void session_over(const Flow& flow, const Now& now) { (void)flow, (void)now; }
};

class Pipeline {
 public:
  // All arguments outlive the pipeline. The error names the setting that cannot be used.
  static std::expected<std::unique_ptr<Pipeline>, std::string> create(
      const PipelineConfig& config, packet::FrameSource* frames,
      const verdict::VerdictSource* verdicts, EventSink* events, Transmitter* transmitter,
      Counters* counters, Observer* observer = nullptr);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // From now on new messages are scanned with `set`; those under way finish on theirs. `shadow`, if
  // there is one, scores them too and decides nothing. `scratch` has been prepared for both, and
  // outlives its use (the caller frees the former sets and scratch after this call, once
  // messages_of_former_sets() has been 0).
  void use_signature_set(std::shared_ptr<const scan::SignatureSet> set, uint64_t generation,
                         scan::MessageScan::Scratch* scratch,
                         std::shared_ptr<const scan::SignatureSet> shadow = nullptr);

  // Takes the frames' references; they leave in their order. At most kBurst at once: what they need
  // of the worker's tables is fetched together. `now.monotonic_us` never goes back.
  static constexpr size_t kBurst = 32;
  void process(std::span<packet::Frame* const> frames, packet::Side arrived, const Now& now);
  void process(packet::Frame* frame, packet::Side arrived, const Now& now) {
    process({&frame, 1}, arrived, now);
  }
  // One bounded step of timeouts and retransmissions; call it once per loop.
  void expire(const Now& now);
  // Every flow is forgotten, every frame released, messages under way reported as abandoned.
  void clear(const Now& now);

  // Whether frames come faster than they are worked off: fail.overload says what to do about it.
  void set_overloaded(bool overloaded);

  uint64_t flows() const;
  uint64_t messages_in_flight() const;
  // Of those, the ones that began before the last use_signature_set().
  uint64_t messages_of_former_sets() const;

 private:
  struct Impl;
  Pipeline();
  std::unique_ptr<Impl> impl_;
};

}  // namespace postern::worker
