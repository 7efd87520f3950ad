// Relays one after the other, out of the text that Relays makes of them.
#pragma once

#include <algorithm>
#include <string_view>

namespace postern::scan::evals {

// Takes the first relay off, as Relays writes it; empty at the end.
inline std::string_view take_relay(std::string_view& relays) {
  const size_t end = std::min(relays.find(" ]"), relays.size());
  const std::string_view relay = relays.substr(0, end);
  relays.remove_prefix(std::min(end + 3, relays.size()));
  return relay;
}

// `name`: with the blank before it, "=" behind.
inline std::string_view value_of(std::string_view relay, std::string_view name) {
  const size_t at = relay.find(name);
  if (at == relay.npos) return {};
  relay.remove_prefix(at + name.size());
  return relay.substr(0, relay.find(' '));
}

}  // namespace postern::scan::evals
