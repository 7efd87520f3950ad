#include "control/server/wire.h"

#include <unordered_map>

namespace postern::server {
namespace {

struct KeyHash {
  size_t operator()(const ledger::VerdictKey& key) const {
    const auto& bytes = key.prefix.address.bytes();
    return std::hash<std::string_view>()(
               {reinterpret_cast<const char*>(bytes.data()), bytes.size()}) ^
           key.prefix.length ^ static_cast<size_t>(key.of) << 8;
  }
};

// Four octets for IPv4, sixteen for IPv6.
template <typename Message>
void set_prefix(const IpPrefix& prefix, Message* message) {
  const bool v4 = prefix.address.is_v4();
  message->set_address(v4 ? prefix.address.v4_bytes() : prefix.address.bytes().data(), v4 ? 4 : 16);
  message->set_prefix_length(prefix.length);
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
    }
  }
  return delta;
}

}  // namespace postern::server
