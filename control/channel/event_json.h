// The parts of an event that are stored and shown as JSON objects: one table for each, so that the
// ledger and the command line agree.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "control/channel/channel.pb.h"

namespace postern::channel {

// X(field of channel::v1::SessionFacts)
#define POSTERN_SESSION_FACTS(X) \
  X(dialect)                     \
  X(pipelined)                   \
  X(chunked)                     \
  X(auth_mechanism)              \
  X(auth_result)                 \
  X(failed_logins)               \
  X(tls_offered)                 \
  X(tls_started)                 \
  X(client_bytes)                \
  X(server_bytes)                \
  X(duration_ms)                 \
  X(message_ms)                  \
  X(messages)                    \
  X(null_senders)                \
  X(recipients_count)            \
  X(recipients_rejected)

// X(field of channel::v1::Origin)
#define POSTERN_ORIGIN_FIELDS(X) X(ip) X(auth) X(user) X(script) X(confidence) X(why)

inline nlohmann::ordered_json to_json(const v1::SessionFacts& facts) {
  nlohmann::ordered_json out;
#define X(name) out[#name] = facts.name();
  POSTERN_SESSION_FACTS(X)
#undef X
  return out;
}

inline nlohmann::ordered_json to_json(const v1::Origin& origin) {
  nlohmann::ordered_json out;
#define X(name) out[#name] = origin.name();
  POSTERN_ORIGIN_FIELDS(X)
#undef X
  return out;
}

namespace event_json {

// What is not there, or of another type, is left at its default.
inline std::string read(const nlohmann::json& value, const std::string&) {
  return value.is_string() ? value.get<std::string>() : std::string();
}
inline bool read(const nlohmann::json& value, bool) {
  return value.is_boolean() && value.get<bool>();
}
template <typename Number>
Number read(const nlohmann::json& value, Number) {
  return value.is_number_unsigned() ? value.get<Number>() : Number{0};
}

}  // namespace event_json

inline void from_json(const nlohmann::json& object, v1::SessionFacts* facts) {
#define X(name)                                                     \
  if (const auto found = object.find(#name); found != object.end()) \
    facts->set_##name(event_json::read(*found, facts->name()));
  POSTERN_SESSION_FACTS(X)
#undef X
}

inline void from_json(const nlohmann::json& object, v1::Origin* origin) {
#define X(name)                                                     \
  if (const auto found = object.find(#name); found != object.end()) \
    origin->set_##name(event_json::read(*found, origin->name()));
  POSTERN_ORIGIN_FIELDS(X)
#undef X
}

}  // namespace postern::channel
