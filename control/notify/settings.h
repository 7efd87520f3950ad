// The section [notify] of the control process's configuration.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "base/config.h"
#include "control/notify/templates.h"

namespace postern::notify {

// A server that takes our letters (RFC 6409).
struct Submission {
  std::string url = {};  // smtp://HOST:PORT or smtps://HOST:PORT; empty: letters go to the spool
  bool tls = true;       // required, also after smtp://; false of loopback addresses alone
  std::string user = {};
  std::string password = {};
};

struct Settings {
  std::string host = "localhost";  // this machine's name
  std::string organisation = "Postern";
  std::string from = "postern@localhost";
  std::string contact = {};          // whom a reader may ask; empty: nobody
  std::string envelope_sender = {};  // empty: <>, so that nothing bounces
  std::vector<std::string> operators = {};
  uint64_t operator_digest_s = 3600;
  bool tell_customers = true;
  bool redact_recipients = true;
  std::filesystem::path spool = "/var/spool/postern/outgoing";
  Submission submission = {};
  std::filesystem::path ca_file = {};  // empty: the system's
  bool allow_plain_http = false;
  uint64_t give_up_after_s = 5 * 24 * 3600;
  Templates templates = {};
};

const std::vector<ConfigKey>& config_keys();

// Reads what the keys name: the credentials, the templates. The error says what to do.
std::expected<Settings, std::string> read_settings(const ConfigValues& config);

}  // namespace postern::notify
