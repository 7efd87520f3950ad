// Every counter of the data plane, in one table: telemetry, `postern status`, the docs and the
// tests read it. Invariant 9: a packet that is not forwarded, and a message that is not delivered,
// raises exactly one counter whose name says why.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

// X(enumerator, name, help)
#define POSTERN_COUNTERS(X)                                                                        \
  X(kFramesIn, "frames_in", "frames received on both ports")                                       \
  X(kFramesOut, "frames_out", "frames handed to a port for sending, forged ones included")         \
  X(kBytesIn, "bytes_in", "bytes of the frames received")                                          \
  X(kFramesNotMail, "frames_not_mail", "frames forwarded because they are not mail")               \
  X(kFramesNotInspected, "frames_not_inspected",                                                   \
    "mail frames forwarded without inspection: verdict pass, inbound, or after STARTTLS")          \
  X(kFramesMidStream, "frames_mid_stream",                                                         \
    "mail frames of connections that were open before we started, forwarded untouched")            \
  X(kFramesForged, "frames_forged", "frames we made ourselves: replies, acknowledgements, resets") \
  X(kSegmentsOutOfOrder, "segments_out_of_order", "segments that arrived ahead of a gap")          \
  X(kSegmentsRetransmitted, "segments_retransmitted", "segments whose bytes were all seen before") \
  X(kSegmentsRewritten, "segments_rewritten",                                                      \
    "retransmissions that carried other bytes than the first copy and were rewritten to it")       \
  X(kSegmentsTrimmed, "segments_trimmed",                                                          \
    "segments forwarded without a part that may not pass (already acknowledged, or past a wait)")  \
  X(kSegmentsUrgent, "segments_urgent",                                                            \
    "segments whose urgent mark was taken off, so that the receiver reads what was scanned")       \
  X(kDropMalformed, "drop_malformed",                                                              \
    "mail frames dropped: headers inconsistent with their lengths")                                \
  X(kDropFragment, "drop_fragment",                                                                \
    "IP fragments of mail dropped where nothing puts them together")                               \
  X(kDropChecksum, "drop_checksum", "mail frames dropped: wrong IP or TCP checksum")               \
  X(kDropVerdict, "drop_verdict", "frames dropped because the sender's verdict is drop")           \
  X(kDropOutOfOrderCap, "drop_out_of_order_cap",                                                   \
    "segments dropped: the flow's allowance for out-of-order bytes is used up")                    \
  X(kDropRetainedCap, "drop_retained_cap",                                                         \
    "segments dropped: the flow's allowance for unacknowledged bytes is used up")                  \
  X(kDropFlowCap, "drop_flow_cap",                                                                 \
    "segments of new connections dropped: the flow table is full of flows worth keeping")          \
  X(kDropMessageCap, "drop_message_cap",                                                           \
    "segments dropped: no memory for one more message under way")                                  \
  X(kDropWait, "drop_wait",                                                                        \
    "segments dropped until the server has answered an earlier command; the client sends again")   \
  X(kDropOutOfWindow, "drop_out_of_window",                                                        \
    "segments dropped: far outside what the peer may send")                                        \
  X(kDropRefused, "drop_refused",                                                                  \
    "segments of a refused message or connection, kept from the server")                           \
  X(kDropSynInFlow, "drop_syn_in_flow", "SYNs dropped inside a live connection")                   \
  X(kDropResetOutOfWindow, "drop_reset_out_of_window",                                             \
    "RSTs dropped: sequence outside the window")                                                   \
  X(kDropWrongSide, "drop_wrong_side",                                                             \
    "frames dropped: they claim to come from the other side's host")                               \
  X(kDropTransmit, "drop_transmit", "frames dropped: the sending port's queue was full")           \
  X(kDropNoBuffer, "drop_no_buffer", "frames lost or not forged: no buffer was free")              \
  X(kDropWorkerQueue, "drop_worker_queue", "frames dropped: a worker's ring was full")             \
  X(kFlowsOpened, "flows_opened", "mail connections taken under inspection")                       \
  X(kFlowsClosed, "flows_closed", "mail connections ended")                                        \
  X(kFlowsExpired, "flows_expired", "mail connections forgotten after their timeout")              \
  X(kConnectionsRefused, "connections_refused", "connections answered by us: verdict refuse")      \
  X(kConnectionsOpaque, "connections_opaque", "connections that went on under STARTTLS")           \
  X(kMessagesSeen, "messages_seen", "messages whose end arrived at the commit point")              \
  X(kMessagesForwarded, "messages_forwarded", "messages let through to the server")                \
  X(kMessagesRefusedContent, "messages_refused_content", "messages refused: score over threshold") \
  X(kMessagesRefusedVerdict, "messages_refused_verdict",                                           \
    "messages refused: verdict on the sender")                                                     \
  X(kMessagesDeferredThrottle, "messages_deferred_throttle", "messages deferred: rate limit")      \
  X(kMessagesDeferredHold, "messages_deferred_hold", "messages deferred: verdict hold")            \
  X(kMessagesRefusedSmuggling, "messages_refused_smuggling",                                       \
    "messages refused: line ends by which a server could split them in two")                       \
  X(kMessagesDeferredFault, "messages_deferred_fault",                                             \
    "messages deferred: the scan failed and the fail mode is closed")                              \
  X(kMessagesUnscanned, "messages_unscanned",                                                      \
    "messages forwarded without a scan: no signature set or a scan error, fail mode open")         \
  X(kMessagesAbandoned, "messages_abandoned", "messages whose connection ended before their end")  \
  X(kScanErrors, "scan_errors", "matcher calls that returned an error")                            \
  X(kAnomalies, "anomalies", "protocol anomalies recorded in events")                              \
  X(kEventsLost, "events_lost", "events not reported: the event queue was full")                   \
  X(kDropOversize, "drop_oversize", "frames dropped: longer than a buffer (see ports.mtu)")        \
  X(kSegmentsProbe, "segments_probe",                                                              \
    "keep-alives and window probes, forwarded without the octet that some carry")                  \
  X(kSegmentsSynData, "segments_syn_data", "SYNs and SYN-ACKs whose data was taken off")           \
  X(kSegmentsUnknown, "segments_unknown",                                                          \
    "segments of connections not known to us, forwarded without what the client says in them")     \
  X(kSynsInFlow, "syns_in_flow",                                                                   \
    "SYNs inside a live connection, forwarded for the server to judge")                            \
  X(kSynsAnswered, "syns_answered", "SYNs of blocked senders answered by us")                      \
  X(kResetsInWindow, "resets_in_window",                                                           \
    "RSTs inside the window but not at its edge, forwarded: the receiver challenges them")         \
  X(kHandshakesDisplaced, "handshakes_displaced",                                                  \
    "unfinished handshakes forgotten early to make room for newer ones")                           \
  X(kFlowsReplaced, "flows_replaced",                                                              \
    "mail connections whose addresses and ports began a new one")                                  \
  X(kFlowsEvicted, "flows_evicted", "mail connections forgotten early to make room for new ones")  \
  X(kConnectionsLetThrough, "connections_let_through",                                             \
    "connections forwarded unread: no memory or overload, fail mode open")                         \
  X(kAnswersPutOff, "answers_put_off",                                                             \
    "times that a refusal had to wait for memory: see limits.answers")                             \
  X(kDropAfterFin, "drop_after_fin", "segments dropped: data behind the end that was said")        \
  X(kDropOldDuplicate, "drop_old_duplicate",                                                       \
    "segments dropped: older than what was received, by their timestamp")                          \
  X(kDropSimultaneousOpen, "drop_simultaneous_open",                                               \
    "SYN-ACKs of a client dropped inside a live connection")                                       \
  X(kDropEnded, "drop_ended", "segments dropped: we have ended their connection at the server")    \
  X(kDropHeldCap, "drop_held_cap",                                                                 \
    "segments dropped: the worker's allowance for held bytes is used up")                          \
  X(kDropTransactionCap, "drop_transaction_cap",                                                   \
    "segments dropped: no memory for one more mail transaction")                                   \
  X(kDropAnswerCap, "drop_answer_cap", "segments dropped: no memory to answer one more client")    \
  X(kDropHostShare, "drop_host_share",                                                             \
    "segments dropped: their host has its fair share of the resource that they need")              \
  X(kDropOverload, "drop_overload", "SYNs dropped: the worker cannot keep up, fail mode closed")   \
  X(kFragmentsJoined, "fragments_joined",                                                          \
    "IP fragments of mail put together; the segments they make up count as frames_in")             \
  X(kDropFragmentMalformed, "drop_fragment_malformed",                                             \
    "IP fragments of mail dropped: lengths that no datagram can have")                             \
  X(kDropFragmentHidden, "drop_fragment_hidden",                                                   \
    "IP fragments dropped: behind headers that could hide mail (RFC 7112), or keep it in pieces")  \
  X(kDropFragmentOverlap, "drop_fragment_overlap",                                                 \
    "IP fragments dropped: they overlap others of their datagram, all of which is dropped")        \
  X(kDropFragmentDuplicate, "drop_fragment_duplicate",                                             \
    "IP fragments of mail dropped: received before")                                               \
  X(kDropFragmentMany, "drop_fragment_many",                                                       \
    "IP fragments dropped: their datagram is in more pieces than can be put together")             \
  X(kDropFragmentTimeout, "drop_fragment_timeout",                                                 \
    "IP fragments dropped: the rest of their datagram did not come in time")                       \
  X(kDropFragmentTable, "drop_fragment_table",                                                     \
    "IP fragments dropped: newer datagrams took their place (see limits.fragments)")               \
  X(kDropUnconfirmed, "drop_unconfirmed",                                                          \
    "segments dropped: the client talks before the server has; it sends them again")               \
  X(kDropAheadOfCommands, "drop_ahead_of_commands",                                                \
    "segments dropped: ahead of a gap outside message text; their sender sends them again")        \
  X(kDropBadAck, "drop_bad_ack",                                                                   \
    "segments dropped: no ACK, or one of what the other end has not sent")                         \
  X(kDropHandshakeCap, "drop_handshake_cap",                                                       \
    "ACKs dropped: their handshake may have given way to newer ones; the server begins it again")  \
  X(kSessionsReported, "sessions_reported",                                                        \
    "connections without a message that an event tells of: TLS, failed logins, early talkers")     \
  X(kSegmentsMasked, "segments_masked", "replies to EHLO in which STARTTLS was overwritten")       \
  X(kEnvelopesRefused, "envelopes_refused", "mail transactions refused at MAIL or RCPT")           \
  X(kLinesRefused, "lines_refused", "commands refused: too long a line, or a hidden STARTTLS")     \
  X(kShadowScanned, "shadow_scanned", "messages scored by the shadow set too")                     \
  X(kShadowSkipped, "shadow_skipped",                                                              \
    "messages that the shadow set did not see: limits.shadow_messages were under way")             \
  X(kShadowErrors, "shadow_errors",                                                                \
    "messages whose scan by the shadow set failed; the decision stands")                           \
  X(kConfirmationsCut, "confirmations_cut",                                                        \
    "expressions given up in a piece of text at their bound on work; events name the rules")       \
  X(kHeldByPart, "held_by_part",                                                                   \
    "envelopes and messages refused or deferred by a block on a user or an injecting address")     \
  X(kHeaderSamplesSkipped, "header_samples_skipped",                                               \
    "refused or held messages of whose header no sample was kept: enough were in that second")     \
  X(kInboundUnlisted, "inbound_unlisted",                                                          \
    "connections from outside that the inbound guard is against (policy.observe_only lets them)")  \
  X(kDropInboundGuard, "drop_inbound_guard",                                                       \
    "SYNs from outside dropped: their destination is guarded and their source is not listed")

namespace postern {

enum class Counter : uint16_t {
#define X(enumerator, name, help) enumerator,
  POSTERN_COUNTERS(X)
#undef X
      kCount
};

struct CounterDescription {
  std::string_view name;
  std::string_view help;
};

inline constexpr CounterDescription kCounterTable[] = {
#define X(enumerator, name, help) {name, help},
    POSTERN_COUNTERS(X)
#undef X
};

// One worker's counters. The worker alone adds; anyone may read (a torn read is impossible on
// x86-64, a stale one harmless).
class Counters {
 public:
  void add(Counter counter, uint64_t n = 1) {
    auto& slot = values_[static_cast<size_t>(counter)];
    __atomic_store_n(&slot, slot + n, __ATOMIC_RELAXED);
  }
  uint64_t get(Counter counter) const {
    return __atomic_load_n(&values_[static_cast<size_t>(counter)], __ATOMIC_RELAXED);
  }

 private:
  alignas(64) std::array<uint64_t, static_cast<size_t>(Counter::kCount)> values_{};
};

}  // namespace postern
