// Treatments, and what is done about STARTTLS, by the names that people write and read.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "control/channel/channel.pb.h"

namespace postern::channel {

struct TreatmentName {
  v1::Treatment treatment;
  std::string_view name;
  std::string_view help;
};
inline constexpr std::array<TreatmentName, 6> kTreatments{{
    {v1::TREATMENT_PASS, "pass", "mail is not inspected"},
    {v1::TREATMENT_INSPECT, "inspect", "mail is scanned and spam refused"},
    {v1::TREATMENT_THROTTLE, "throttle", "inspected, and only so many messages a minute"},
    {v1::TREATMENT_HOLD, "hold", "scanned, then deferred: it waits in the sender's queue"},
    {v1::TREATMENT_REFUSE, "refuse", "answered by the gate: 550 to MAIL, with a case reference"},
    {v1::TREATMENT_DROP, "drop", "connections are not even opened"},
}};

inline std::string_view treatment_name(v1::Treatment treatment) {
  for (const TreatmentName& row : kTreatments) {
    if (row.treatment == treatment) return row.name;
  }
  return "unspecified";
}

inline std::optional<v1::Treatment> parse_treatment(std::string_view name) {
  for (const TreatmentName& row : kTreatments) {
    if (row.name == name) return row.treatment;
  }
  return std::nullopt;
}

struct StartTlsName {
  v1::StartTls starttls;
  std::string_view name;
  std::string_view help;
};
inline constexpr std::array<StartTlsName, 3> kStartTls{{
    {v1::START_TLS_AS_POLICY, "policy", "as policy.starttls of the data plane says"},
    {v1::START_TLS_ALLOW, "allow", "the server's offer stands; what is encrypted is not scanned"},
    {v1::START_TLS_MASK, "mask", "the offer is overwritten, so that mail comes in the clear"},
}};

inline std::string_view starttls_name(v1::StartTls starttls) {
  for (const StartTlsName& row : kStartTls) {
    if (row.starttls == starttls) return row.name;
  }
  return kStartTls[0].name;
}

inline std::optional<v1::StartTls> parse_starttls(std::string_view name) {
  for (const StartTlsName& row : kStartTls) {
    if (row.name == name) return row.starttls;
  }
  return std::nullopt;
}

// The sender is kept from sending freely, and is told a case by which to ask why.
inline bool is_restriction(v1::Treatment treatment) {
  return treatment == v1::TREATMENT_THROTTLE || treatment == v1::TREATMENT_HOLD ||
         treatment == v1::TREATMENT_REFUSE;
}

}  // namespace postern::channel
