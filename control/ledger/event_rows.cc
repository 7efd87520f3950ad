#include "control/ledger/event_rows.h"

#include <nlohmann/json.hpp>

#include "base/ip.h"
#include "control/channel/event_json.h"

namespace postern::ledger {
namespace {

using nlohmann::json;
using Texts = google::protobuf::RepeatedPtrField<std::string>;

std::string to_json(const Texts& texts) {
  json list = json::array();
  for (const std::string& text : texts) list.push_back(text);
  return list.dump(-1, ' ', false, json::error_handler_t::replace);
}

void from_json(const std::string& text, Texts* texts) {
  const json list = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) return;
  for (const json& element : list) {
    if (element.is_string()) texts->Add(element.get<std::string>());
  }
}

template <typename Part>
std::string to_text(bool present, const Part& part) {
  if (!present) return {};
  return channel::to_json(part).dump(-1, ' ', false, json::error_handler_t::replace);
}

template <typename Part>
void from_text(const std::string& text, Part* part) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (object.is_object()) channel::from_json(object, part);
}

}  // namespace

void insert_event(Statement& insert, const std::string& gate, uint64_t received_unix_s,
                  const channel::v1::Event& e) {
  const auto client = IpAddress::parse(e.client());
  const std::array<uint8_t, 16> key = client ? client->bytes() : std::array<uint8_t, 16>{};
  insert
      .with(gate, received_unix_s, e.kind(), e.outcome(), uint64_t{e.case_reference()},
            uint64_t{e.wall_us()}, key, e.client(), e.client_port(), e.server(), e.server_port(),
            e.helo(), e.auth_user(), e.mail_from(), e.null_sender(), e.recipients_count(),
            e.recipients_rejected(), to_json(e.recipients()), e.subject(),
            uint64_t{e.message_bytes()}, e.server_reply(), e.score(), to_json(e.rules()),
            e.signature_set(), to_json(e.anomalies()), e.content_hash(),
            to_text(e.has_session(), e.session()), to_text(e.has_origin(), e.origin()),
            to_json(e.link_domains()), e.shadow_set(), e.shadow_score(), to_json(e.shadow_rules()),
            e.threshold(), e.shadow_failed(), to_json(e.rules_cut()), e.held_by(),
            Blob{e.header_sample()}, e.header_sample_cut())
      .run();
}

channel::v1::Event read_event(const Statement& row) {
  channel::v1::Event event;
  const auto number = [&](int column) { return static_cast<uint64_t>(row.number(column)); };
  const auto small = [&](int column) { return static_cast<uint32_t>(row.number(column)); };
  int column = 0;
  event.set_kind(row.text(column++));
  event.set_outcome(row.text(column++));
  event.set_case_reference(number(column++));
  event.set_wall_us(number(column++));
  ++column;  // client_address
  event.set_client(row.text(column++));
  event.set_client_port(small(column++));
  event.set_server(row.text(column++));
  event.set_server_port(small(column++));
  event.set_helo(row.text(column++));
  event.set_auth_user(row.text(column++));
  event.set_mail_from(row.text(column++));
  event.set_null_sender(row.number(column++) != 0);
  event.set_recipients_count(small(column++));
  event.set_recipients_rejected(small(column++));
  from_json(row.text(column++), event.mutable_recipients());
  event.set_subject(row.text(column++));
  event.set_message_bytes(number(column++));
  event.set_server_reply(small(column++));
  event.set_score(row.real(column++));
  from_json(row.text(column++), event.mutable_rules());
  event.set_signature_set(row.text(column++));
  from_json(row.text(column++), event.mutable_anomalies());
  event.set_content_hash(row.text(column++));
  const std::string session = row.text(column++);
  if (!session.empty()) from_text(session, event.mutable_session());
  const std::string origin = row.text(column++);
  if (!origin.empty()) from_text(origin, event.mutable_origin());
  from_json(row.text(column++), event.mutable_link_domains());
  event.set_shadow_set(row.text(column++));
  event.set_shadow_score(row.real(column++));
  from_json(row.text(column++), event.mutable_shadow_rules());
  event.set_threshold(row.real(column++));
  event.set_shadow_failed(row.number(column++) != 0);
  from_json(row.text(column++), event.mutable_rules_cut());
  event.set_held_by(row.text(column++));
  event.set_header_sample(row.octets(column++));
  event.set_header_sample_cut(row.number(column++) != 0);
  return event;
}

}  // namespace postern::ledger
