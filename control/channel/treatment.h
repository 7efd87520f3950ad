// Treatments, switches, and what is done about STARTTLS, by the names that people write and read.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "control/channel/channel.pb.h"

namespace postern::channel {

// A value of the schema with its name and what it means.
template <typename Value>
struct Named {
  Value value;
  std::string_view name;
  std::string_view help;
};

inline constexpr std::array<Named<v1::Treatment>, 6> kTreatments{{
    {v1::TREATMENT_PASS, "pass", "mail is not inspected"},
    {v1::TREATMENT_INSPECT, "inspect", "mail is scanned and spam refused"},
    {v1::TREATMENT_THROTTLE, "throttle", "inspected, and only so many messages a minute"},
    {v1::TREATMENT_HOLD, "hold", "scanned, then deferred: it waits in the sender's queue"},
    {v1::TREATMENT_REFUSE, "refuse", "answered by the gate: 550 to MAIL, with a case reference"},
    {v1::TREATMENT_DROP, "drop", "connections are not even opened"},
}};
inline constexpr std::array<Named<v1::StartTls>, 3> kStartTls{{
    {v1::START_TLS_AS_POLICY, "policy", "as policy.starttls of the data plane says"},
    {v1::START_TLS_ALLOW, "allow", "the server's offer stands; what is encrypted is not scanned"},
    {v1::START_TLS_MASK, "mask", "the offer is overwritten, so that mail comes in the clear"},
}};

inline constexpr std::array<Named<v1::Switch>, 6> kSwitches{{
    {v1::SWITCH_TREATMENT, "treatment", "what the policy makes of its mail"},
    {v1::SWITCH_TRUSTED_RELAY, "trusted-relay", "pass: it may send through the gate"},
    {v1::SWITCH_SMORF_BLOCK, "smorf-block", "it is blocked because spam came from it"},
    {v1::SWITCH_RANGE_EXCLUSION, "range-exclusion", "the range it lies in is excluded"},
    {v1::SWITCH_INBOUND_GUARD, "inbound-guard", "who from outside connects to it must be listed"},
    {v1::SWITCH_INBOUND_SOURCE, "inbound-source",
     "pass: listed, it may connect to what is guarded"},
}};

// Empty for a value that the table does not have.
template <typename Value, size_t N>
std::string_view name_in(const std::array<Named<Value>, N>& table, Value value) {
  const auto row = std::ranges::find(table, value, &Named<Value>::value);
  return row == table.end() ? std::string_view() : row->name;
}
template <typename Value, size_t N>
std::optional<Value> value_in(const std::array<Named<Value>, N>& table, std::string_view name) {
  const auto row = std::ranges::find(table, name, &Named<Value>::name);
  if (row == table.end()) return std::nullopt;
  return row->value;
}

inline std::string_view treatment_name(v1::Treatment treatment) {
  const std::string_view name = name_in(kTreatments, treatment);
  return name.empty() ? "unspecified" : name;
}
inline std::optional<v1::Treatment> parse_treatment(std::string_view name) {
  return value_in(kTreatments, name);
}
inline std::string_view starttls_name(v1::StartTls starttls) {
  return name_in(kStartTls, starttls);
}
inline std::optional<v1::StartTls> parse_starttls(std::string_view name) {
  return value_in(kStartTls, name);
}

inline std::string_view switch_name(v1::Switch of) { return name_in(kSwitches, of); }
inline std::optional<v1::Switch> parse_switch(std::string_view name) {
  return value_in(kSwitches, name);
}

// A verdict of this switch says something of what its prefix sends, not of who connects to whom.
inline bool is_about_sender(v1::Switch of) {
  return of != v1::SWITCH_INBOUND_GUARD && of != v1::SWITCH_INBOUND_SOURCE;
}
// What a verdict of this switch can say.
inline bool can_say(v1::Switch of, v1::Treatment treatment) {
  if (is_about_sender(of)) return true;
  return treatment == v1::TREATMENT_PASS || treatment == v1::TREATMENT_REFUSE ||
         (of == v1::SWITCH_INBOUND_GUARD && treatment == v1::TREATMENT_DROP);
}

// The sender is kept from sending freely, and is told a case by which to ask why.
inline bool is_restriction(v1::Treatment treatment) {
  return treatment == v1::TREATMENT_THROTTLE || treatment == v1::TREATMENT_HOLD ||
         treatment == v1::TREATMENT_REFUSE;
}

}  // namespace postern::channel
