#include "control/probe/settings.h"

#include <fmt/format.h>

#include <algorithm>

namespace postern::probe {
namespace {

bool is_word(std::string_view text, std::string_view others) {
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != others.npos;
  });
}

bool is_domain(std::string_view text) {
  return is_word(text, "-.") && text.find('.') != text.npos && text.front() != '.' &&
         text.back() != '.';
}

bool is_mailbox(std::string_view text) {
  const size_t at = text.find('@');
  return at != text.npos && at <= 64 && is_word(text.substr(0, at), "-._+") &&
         is_domain(text.substr(at + 1));
}

std::unexpected<std::string> mistake(std::string_view key, std::string_view value,
                                     std::string_view what) {
  return std::unexpected(fmt::format("{}: \"{}\" is no {}", key, value, what));
}

}  // namespace

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> keys{
      {.name = "probe.domain",
       .default_value = "",
       .help = "A domain of yours that is no customer's, for the senders and the recipient of "
               "probes for open relays. Nothing is ever sent there. Empty: there are no such "
               "probes."},
      {.name = "probe.recipient",
       .default_value = "",
       .help = "The recipient that such a probe names; empty: postern-probe at probe.domain."},
      {.name = "probe.helo",
       .default_value = "",
       .help = "The name that a probe greets with; empty: probe.domain, or the address literal "
               "[127.0.0.1] without one."},
      {.name = "probe.source_address",
       .default_value = "",
       .help = "The address that probes are made from: one that is outside for the customers' "
               "servers, in nobody's mynetworks. Empty: as the system routes."},
      {.name = "probe.timeout",
       .type = ConfigType::kDuration,
       .default_value = "20s",
       .help = "By when the look at one port is over.",
       .minimum = 100,
       .maximum = 120'000},
      {.name = "probe.relay_timeout",
       .type = ConfigType::kDuration,
       .default_value = "1m",
       .help = "By when a probe for an open relay is over.",
       .minimum = 100,
       .maximum = 600'000},
      {.name = "probe.between",
       .type = ConfigType::kDuration,
       .default_value = "10m",
       .help = "The time between two probes of one address, at least.",
       .maximum = 86'400'000},
      {.name = "probe.per_hour",
       .type = ConfigType::kInteger,
       .default_value = "30",
       .help = "At most so many probes an hour, of all addresses together.",
       .minimum = 1,
       .maximum = 1000},
  };
  return keys;
}

std::expected<Settings, std::string> read_settings(const ConfigValues& config) {
  Settings out{.domain = config.text("probe.domain"),
               .recipient = config.text("probe.recipient"),
               .helo = config.text("probe.helo"),
               .timeout = config.duration("probe.timeout"),
               .relay_timeout = config.duration("probe.relay_timeout"),
               .between = std::chrono::ceil<std::chrono::seconds>(config.duration("probe.between")),
               .per_hour = static_cast<uint32_t>(config.integer("probe.per_hour"))};
  if (!out.domain.empty() && !is_domain(out.domain))
    return mistake("probe.domain", out.domain, "domain: write \"probe.example.net\"");
  if (!out.recipient.empty() && out.domain.empty()) {
    return std::unexpected(
        std::string("probe.recipient: there is no probe.domain: name the senders' domain, too"));
  }
  if (out.recipient.empty() && !out.domain.empty())
    out.recipient = fmt::format("postern-probe@{}", out.domain);
  if (!out.recipient.empty() && !is_mailbox(out.recipient))
    return mistake("probe.recipient", out.recipient, "address: write \"nobody@example.net\"");
  if (out.helo.empty()) out.helo = out.domain.empty() ? "[127.0.0.1]" : out.domain;
  if (!is_word(out.helo, "-.:[]"))
    return mistake("probe.helo", out.helo, "host name: write \"probe.example.net\"");
  if (const std::string& text = config.text("probe.source_address"); !text.empty()) {
    const auto address = IpAddress::parse(text);
    if (!address) return mistake("probe.source_address", text, "address: write \"192.0.2.7\"");
    out.source = *address;
  }
  return out;
}

}  // namespace postern::probe
