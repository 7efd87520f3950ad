#include "control/server/remote_settings.h"

#include <fmt/format.h>

#include <charconv>

#include "base/ip.h"

namespace postern::server {
namespace {

// "192.0.2.1:4711", "[2001:db8::1]:4711".
bool is_address_with_port(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return false;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.contains(':')) {
    return false;
  }
  uint16_t port = 0;
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return error == std::errc() && end == digits.data() + digits.size() && IpAddress::parse(host);
}

}  // namespace

const std::vector<ConfigKey>& remote_config_keys() {
  static const std::vector<ConfigKey> keys{
      {.name = "remote.listen",
       .default_value = "",
       .help = "Address and port, as \"192.0.2.1:4711\", on which data planes on other machines "
               "are served, with mutual TLS; nothing else is. Empty: only the Unix socket."},
      {.name = "remote.certificate",
       .default_value = "",
       .help =
           "PEM file with the certificate that gates are shown, and its chain. It must be for "
           "the name by which they reach this machine. Files that were replaced are taken up at "
           "the next connection; deploy/certificates makes them."},
      {.name = "remote.key", .default_value = "", .help = "PEM file with the certificate's key."},
      {.name = "remote.clients",
       .default_value = "",
       .help = "PEM file with the authorities that vouch for gates. A gate can only say that it is "
               "whom its certificate names."},
      {.name = "remote.allowed",
       .type = ConfigType::kTextList,
       .default_value = "[]",
       .help = "Names of the gates that may come (gate.id). Empty: all that have a certificate."},
  };
  return keys;
}

std::expected<RemoteSettings, std::string> read_remote_settings(const ConfigValues& config) {
  RemoteSettings out{.listen = config.text("remote.listen"),
                     .files = {.certificate = config.text("remote.certificate"),
                               .key = config.text("remote.key"),
                               .authorities = config.text("remote.clients")},
                     .allowed = config.text_list("remote.allowed")};
  if (!out.listen.empty() && !is_address_with_port(out.listen)) {
    return std::unexpected(fmt::format(
        "remote.listen: \"{}\" is no address with a port: write it as \"192.0.2.1:4711\" or "
        "\"[2001:db8::1]:4711\"",
        out.listen));
  }
  return out;
}

}  // namespace postern::server
