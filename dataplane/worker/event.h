// What a worker reports of a message or a connection: a fixed-size record, filled in place in a
// bounded queue that the agent drains. Nothing here is allocated.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/case_reference.h"
#include "base/ip.h"
#include "base/sender_part.h"
#include "dataplane/smtp/auth_user.h"

namespace postern::worker {

enum class EventKind : uint8_t {
  kMessage,            // a message was decided on
  kConnectionRefused,  // a connection was answered by us
  kSession,            // a connection without a message showed something worth telling
};
inline constexpr std::string_view kEventKindNames[] = {"message", "connection_refused", "session"};

enum class Outcome : uint8_t {
  kForwarded,  // let through; server_reply says what the server made of it
  kRefusedContent,
  kRefusedVerdict,
  kRefusedSmuggling,
  kDeferredThrottle,
  kDeferredHold,
  kDeferredFault,
  kAbandoned,        // the connection ended before the message did
  kRefusedEnvelope,  // at MAIL or RCPT, by the signature set's rules about the envelope
};
inline constexpr std::string_view kOutcomeNames[] = {
    "forwarded",     "refused_content", "refused_verdict", "refused_smuggling", "deferred_throttle",
    "deferred_hold", "deferred_fault",  "abandoned",       "refused_envelope"};

// A string of at most N bytes, cut when longer.
template <size_t N>
struct FixedText {
  uint16_t length = 0;
  std::array<char, N> characters;

  void assign(std::string_view text) {
    length = static_cast<uint16_t>(text.size() < N ? text.size() : N);
    for (uint16_t i = 0; i < length; ++i) characters[i] = text[i];
  }
  std::string_view view() const { return {characters.data(), length}; }
};

// What the connection has shown so far: all of it, not only this message.
struct SessionFacts {
  FixedText<64> dialect;  // smtp::Dialect: how the client writes its commands
  bool pipelined = false;
  bool chunked = false;  // BDAT
  FixedText<24> auth_mechanism;
  smtp::AuthResult auth_result = smtp::AuthResult::kNone;  // of the last AUTH
  uint32_t failed_logins = 0;
  bool tls_offered = false;
  bool tls_started = false;
  // Of TCP payload before the segment that made the event; what was sent twice counts once.
  uint64_t client_bytes = 0;
  uint64_t server_bytes = 0;
  uint64_t duration_ms = 0;  // since the handshake
  uint64_t message_ms = 0;   // from the message's DATA or first BDAT to its report
  uint32_t messages = 0;     // ends of data
  uint32_t null_senders = 0;
  uint32_t recipients_count = 0;
  uint32_t recipients_rejected = 0;
};

// Whether the client that injected the message had logged in.
enum class OriginAuth : uint8_t { kUnknown, kYes, kNo };
inline constexpr std::string_view kOriginAuthNames[] = {"unknown", "yes", "no"};
enum class Confidence : uint8_t { kNone, kLow, kMedium, kHigh };
inline constexpr std::string_view kConfidenceNames[] = {"", "low", "medium", "high"};

// Where the message came from before it reached the sending server, as far as the headers that this
// server itself wrote tell.
struct Origin {
  FixedText<46> ip;  // empty: not known
  OriginAuth auth = OriginAuth::kUnknown;
  FixedText<64> user;
  FixedText<128> script;
  Confidence confidence = Confidence::kNone;
  FixedText<240> why;  // a sentence: which header says so
};

// The beginning of a message's own header as it was scanned, never of its body: evidence.
struct HeaderSample {
  static constexpr size_t kBytes = 4096;

  uint16_t length = 0;
  bool cut = false;  // at the end of a line: there was more
  std::array<char, kBytes> octets;

  // One field more. `raw`: all behind the colon, with its folding, less the final line end. Lines
  // end in CRLF here.
  void add(std::string_view name, std::string_view raw);
  std::string_view view() const { return {octets.data(), length}; }
};

// What a shadow set made of a message.
enum class ShadowScan : uint8_t { kNone, kScored, kFailed };

struct Event {
  static constexpr size_t kRules = 64;
  static constexpr size_t kRulesCut = 8;
  static constexpr size_t kRecipients = 16;
  static constexpr size_t kLinkDomains = 8;

  EventKind kind = EventKind::kMessage;
  Outcome outcome = Outcome::kForwarded;
  CaseReference case_reference;
  // Of what a verdict refused or deferred: its switch, or the part of the sender that it is about.
  FixedText<SenderPart::kTextBytes> held_by;
  uint64_t wall_us = 0;
  IpAddress client, server;
  uint16_t client_port = 0, server_port = 0;
  FixedText<64> helo;
  FixedText<64> auth_user;
  FixedText<256> mail_from;
  bool null_sender = false;
  uint32_t recipients_count = 0;  // all; the first kRecipients are listed
  uint32_t recipients_rejected = 0;
  uint32_t recipients_stored = 0;
  std::array<FixedText<128>, kRecipients> recipients;
  FixedText<128> subject;
  uint64_t message_bytes = 0;
  uint64_t content_hash = 0;  // XXH3-64 of the octets handed to the scan, as many as there were
  uint16_t server_reply = 0;  // to the end of data; 0: none
  double score = 0;
  uint32_t rules_count = 0;  // all; the first kRules are listed
  std::array<uint32_t, kRules> rules;
  uint64_t set_generation = 0;  // which signature set the rule numbers belong to
  uint32_t smtp_anomalies = 0;  // bits of smtp::Anomaly
  uint32_t mime_anomalies = 0;  // bits of mime::Anomaly
  SessionFacts session;
  Origin origin;
  uint32_t link_domains_stored = 0;
  ShadowScan shadow = ShadowScan::kNone;
  double threshold = 0;  // where there was a shadow set: from which score on a message is refused
  double shadow_score = 0;  // the next two as those without "shadow"
  uint32_t shadow_rules_count = 0;
  std::array<uint32_t, kRules> shadow_rules;
  uint32_t rules_cut_count = 0;  // all that are known; the first kRulesCut are listed
  std::array<uint32_t, kRulesCut> rules_cut;
  std::array<FixedText<128>, kLinkDomains> link_domains;  // registrable, distinct, the first ones
  // Of some of the messages that were refused or held; null: none was taken. Lives as long as the
  // event stays in its queue.
  const HeaderSample* header_sample = nullptr;
};

// Where a worker puts events.
class EventSink {
 public:
  virtual ~EventSink() = default;
  // A record to fill, or null when the queue is full (the caller counts events_lost).
  virtual Event* reserve() = 0;
  // Hands over the record that reserve() gave last.
  virtual void publish(Event* event) = 0;
  // Room for the sample of the record that reserve() gave last; null: there is none now.
  virtual HeaderSample* reserve_sample() { return nullptr; }
};

}  // namespace postern::worker
