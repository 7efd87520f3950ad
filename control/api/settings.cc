#include "control/api/settings.h"

#include <fmt/format.h>

#include <charconv>

#include "base/ip.h"

namespace postern::api {
namespace {

bool is_loopback(const IpAddress& address) {
  return IpPrefix::parse("127.0.0.0/8")->contains(address) || address == *IpAddress::parse("::1");
}

// "127.0.0.1:8480", "[::1]:8480".
std::expected<std::pair<std::string, uint16_t>, std::string> read_listen(std::string_view text) {
  const auto mistake = [&] {
    return std::unexpected(fmt::format(
        "api.listen: \"{}\" is no address with a port: write it as \"127.0.0.1:8480\" or "
        "\"[::1]:8480\"",
        text));
  };
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return mistake();
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.contains(':')) {
    return mistake();
  }
  uint16_t port = 0;
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || !IpAddress::parse(host))
    return mistake();
  return std::pair(std::string(host), port);
}

}  // namespace

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> keys{
      {.name = "api.listen",
       .default_value = "127.0.0.1:8480",
       .help = "Address and port of the REST interface and the console. Empty: there are none. "
               "Beyond loopback only with TLS. Tokens to come in: postern api token add."},
      {.name = "api.certificate",
       .default_value = "",
       .help = "PEM file with the certificate and its chain, for TLS. Empty: without TLS."},
      {.name = "api.key", .default_value = "", .help = "PEM file with the certificate's key."},
      {.name = "api.plain_beyond_loopback",
       .type = ConfigType::kBoolean,
       .default_value = "false",
       .help = "Whether it may listen beyond loopback without TLS, where tokens and mail's "
               "envelopes are read by whoever is on the way."},
      {.name = "api.session",
       .type = ConfigType::kDuration,
       .default_value = "12h",
       .help = "How long a person stays logged in to the console without using it.",
       .minimum = 60'000},
      {.name = "api.live_listeners",
       .type = ConfigType::kInteger,
       .default_value = "16",
       .help = "How many consoles at once are told live what happens. Each keeps a thread.",
       .minimum = 1,
       .maximum = 256},
  };
  return keys;
}

std::expected<Settings, std::string> read_settings(const ConfigValues& config) {
  Settings out{.certificate = config.text("api.certificate"),
               .key = config.text("api.key"),
               .session = std::chrono::ceil<std::chrono::seconds>(config.duration("api.session")),
               .live_listeners = static_cast<size_t>(config.integer("api.live_listeners"))};
  if (out.certificate.empty() != out.key.empty()) {
    return std::unexpected(
        "api.certificate and api.key belong together: name both, or neither for no TLS");
  }
  const std::string& listen = config.text("api.listen");
  if (listen.empty()) return out;
  const auto where = read_listen(listen);
  if (!where) return std::unexpected(where.error());
  std::tie(out.address, out.port) = *where;
  if (out.certificate.empty() && !is_loopback(*IpAddress::parse(out.address)) &&
      !config.boolean("api.plain_beyond_loopback")) {
    return std::unexpected(fmt::format(
        "api.listen: {} is beyond loopback: give api.certificate and api.key, or, where the way "
        "is safe, api.plain_beyond_loopback = true",
        listen));
  }
  return out;
}

}  // namespace postern::api
