#include "dataplane/worker/session_facts.h"

namespace postern::worker {
namespace {

// Payload up to the stream's frontier, which counts the FIN.
uint64_t octets(Traffic traffic, const tcp::Stream& stream) {
  traffic.note({stream.frontier().value - (stream.finished() ? 1 : 0)});
  return traffic.octets;
}

}  // namespace

SessionFacts session_facts(const Flow& flow) {
  const uint8_t offered = flow.session.extensions();
  SessionFacts facts;
  facts.tls_offered = (offered & static_cast<uint8_t>(smtp::Extension::kStartTls)) != 0;
  facts.tls_started = flow.state == FlowState::kOpaque;
  facts.client_bytes = octets(flow.client_traffic, flow.client_stream);
  facts.server_bytes = octets(flow.server_traffic, flow.server_stream);
  facts.duration_ms = (flow.last_seen_us - flow.opened_us) / 1000;
  facts.messages = flow.session.messages();
  return facts;
}

bool noteworthy(const Flow& flow) {
  if (flow.state == FlowState::kOpaque) return true;
  if (flow.reported) return false;
  return (flow.session.anomalies() & static_cast<uint32_t>(smtp::Anomaly::kEarlyTalker)) != 0;
}

}  // namespace postern::worker
