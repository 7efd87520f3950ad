#include "control/server/wire.h"

#include <unordered_map>

namespace postern::server {
namespace {

struct KeyHash {
  size_t operator()(const ledger::VerdictKey& key) const {
    const auto& bytes = key.prefix.address.bytes();
    return std::hash<std::string_view>()(
               {reinterpret_cast<const char*>(bytes.data()), bytes.size()}) ^
           key.prefix.length ^ static_cast<size_t>(key.of) << 8 ^
           std::hash<std::string>()(key.part.to_string());
  }
};

// Four octets for IPv4, sixteen for IPv6.
std::string octets_of(const IpAddress& address) {
  const auto* bytes = reinterpret_cast<const char*>(address.bytes().data());
  return address.is_v4() ? std::string(bytes + 12, 4) : std::string(bytes, 16);
}

template <typename Message>
void set_prefix(const IpPrefix& prefix, Message* message) {
  message->set_address(octets_of(prefix.address));
  message->set_prefix_length(prefix.length);
}

template <typename Message>
void set_part(const ledger::Part& part, Message* message) {
  switch (part.kind()) {
    case ledger::Part::Kind::kWhole:
      return;
    case ledger::Part::Kind::kUser:
      return message->set_auth_user(std::string(part.user_name()));
    case ledger::Part::Kind::kFrom:
      break;
  }
  message->set_injecting_address(octets_of(part.prefix().address));
  message->set_injecting_length(part.prefix().length);
}

}  // namespace

channel::v1::Verdict to_wire(const ledger::Verdict& verdict) {
  channel::v1::Verdict wire;
  set_prefix(verdict.prefix, &wire);
  wire.set_treatment(verdict.treatment);
  wire.set_messages_per_minute(verdict.messages_per_minute);
  wire.set_case_reference(verdict.case_reference.number);
  wire.set_expires_unix_s(verdict.expires_unix_s);
  wire.set_starttls(verdict.starttls);
  wire.set_of(verdict.of);
  set_part(verdict.part, &wire);
  return wire;
}

channel::v1::VerdictEntry to_entry(const ledger::Verdict& verdict) {
  channel::v1::VerdictEntry entry;
  entry.set_prefix(verdict.prefix.to_string());
  entry.set_treatment(verdict.treatment);
  entry.set_messages_per_minute(verdict.messages_per_minute);
  entry.set_case_reference(verdict.case_reference.number);
  entry.set_reason(verdict.reason);
  entry.set_author(verdict.author);
  entry.set_set_unix_s(verdict.set_unix_s);
  entry.set_expires_unix_s(verdict.expires_unix_s);
  entry.set_starttls(verdict.starttls);
  entry.set_of(verdict.of);
  entry.set_part(verdict.part.to_string());
  return entry;
}

channel::v1::Delta delta_of(const ledger::Version& to, uint64_t from_version,
                            std::span<const ledger::Change> changes) {
  std::unordered_map<ledger::VerdictKey, const ledger::Change*, KeyHash> last;
  last.reserve(changes.size());
  for (const ledger::Change& change : changes) last[change.verdict.key()] = &change;
  channel::v1::Delta delta;
  delta.set_epoch(to.epoch);
  delta.set_from_version(from_version);
  delta.set_to_version(to.number);
  for (const ledger::Change& change : changes) {
    if (last[change.verdict.key()] != &change) continue;
    if (change.action == ledger::Action::kSet) {
      *delta.add_upserts() = to_wire(change.verdict);
    } else {
      channel::v1::Removal& removal = *delta.add_removals();
      set_prefix(change.verdict.prefix, &removal);
      removal.set_of(change.verdict.of);
      set_part(change.verdict.part, &removal);
    }
  }
  return delta;
}

}  // namespace postern::server
