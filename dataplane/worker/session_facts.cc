#include "dataplane/worker/session_facts.h"

#include <array>

namespace postern::worker {
namespace {

// Payload up to the stream's frontier, which counts the FIN.
uint64_t octets(Traffic traffic, const tcp::Stream& stream) {
  traffic.note({stream.frontier().value - (stream.finished() ? 1 : 0)});
  return traffic.octets;
}

}  // namespace

SessionFacts session_facts(const Flow& flow) {
  const smtp::Conduct& conduct = flow.session.conduct();
  const smtp::AuthUser& auth = flow.session.auth();
  SessionFacts facts;
  std::array<char, smtp::Dialect::kTextBytes> dialect;
  facts.dialect.assign(conduct.dialect.text(dialect));
  facts.pipelined = conduct.pipelined;
  facts.chunked = conduct.chunked;
  facts.auth_mechanism.assign(auth.mechanism());
  facts.auth_result = auth.result();
  facts.failed_logins = auth.failures();
  facts.tls_offered = conduct.tls_offered;
  facts.tls_started = conduct.tls_started;
  facts.client_bytes = octets(flow.client_traffic, flow.client_stream);
  facts.server_bytes = octets(flow.server_traffic, flow.server_stream);
  facts.duration_ms = (flow.last_seen_us - flow.opened_us) / 1000;
  facts.messages = flow.session.messages();
  facts.null_senders = conduct.null_senders;
  facts.recipients_count = conduct.recipients_count;
  facts.recipients_rejected = conduct.recipients_rejected;
  return facts;
}

bool noteworthy(const Flow& flow) {
  const smtp::Conduct& conduct = flow.session.conduct();
  if (conduct.tls_started) return true;
  if (flow.reported) return false;
  constexpr uint32_t kTelling = static_cast<uint32_t>(smtp::Anomaly::kEarlyTalker) |
                                static_cast<uint32_t>(smtp::Anomaly::kCommandBytesAfterStartTls);
  const bool none_accepted =
      conduct.recipients_count > 0 && conduct.recipients_rejected == conduct.recipients_count;
  return flow.session.auth().failures() > 0 || none_accepted ||
         (flow.session.anomalies() & kTelling) != 0;
}

}  // namespace postern::worker
