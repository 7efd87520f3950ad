#include "control/notify/settings.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "control/notify/mail_text.h"
#include "control/transfer/url.h"

namespace postern::notify {
namespace {

std::unexpected<std::string> mistake(std::string_view key, std::string_view what) {
  return std::unexpected(fmt::format("{}: {}", key, what));
}

// What stands behind @ in our addresses and Message-IDs.
std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  const std::string found = name.data();
  return is_mail_address("x@" + found) ? found : "localhost";
}

// Two lines: user, password.
std::expected<void, std::string> read_credentials(const std::string& file, Submission& out) {
  constexpr std::string_view kKey = "notify.submission_credentials";
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) return mistake(kKey, fmt::format("cannot read {}", file));
  if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0)
    return mistake(kKey, fmt::format("others may read {}: chmod 640 it", file));
  std::ifstream lines(file);
  if (!std::getline(lines, out.user) || !std::getline(lines, out.password) || out.user.empty())
    return mistake(kKey, fmt::format("{} must have two lines: a user name and a password", file));
  for (std::string* line : {&out.user, &out.password}) {
    if (line->ends_with('\r')) line->pop_back();
  }
  return {};
}

}  // namespace

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> kKeys{
      {.name = "notify.operator",
       .type = ConfigType::kTextList,
       .default_value = "[]",
       .help = "E-mail addresses of the operator, who is told of every case, also of those about "
               "addresses that are nobody's."},
      {.name = "notify.operator_digest",
       .type = ConfigType::kDuration,
       .default_value = "1h",
       .help = "The operator gets at most one letter in so long about a case; an opening is told "
               "at once. Customers have their own (postern customer).",
       .minimum = 0},
      {.name = "notify.customers",
       .type = ConfigType::kBoolean,
       .default_value = "true",
       .help = "Tell the customers of cases about their addresses."},
      {.name = "notify.organisation",
       .default_value = "",
       .help = "Who sends the letters, as people call it. Empty: this machine's name."},
      {.name = "notify.from",
       .default_value = "",
       .help = "Address in From. Empty: postern@ and this machine's name."},
      {.name = "notify.contact",
       .default_value = "",
       .help = "Address for questions: Reply-To, and the contact in XARF reports. Empty: the first "
               "of notify.operator."},
      {.name = "notify.envelope_sender",
       .default_value = "",
       .help = "Address to which bounces of letters go. Empty: <>, nothing bounces."},
      {.name = "notify.redact_recipients",
       .type = ConfigType::kBoolean,
       .default_value = "true",
       .help = "Take the recipients of spam out of letters and reports. Their domains stay."},
      {.name = "notify.templates",
       .default_value = "",
       .help = "Folder with the letters' texts, WHAT.LANGUAGE.txt (opened.de.txt); what is not "
               "there is taken from those built in. control/notify/README.md has the "
               "placeholders."},
      {.name = "notify.spool",
       .default_value = "/var/spool/postern/outgoing",
       .help = "Folder into which letters are put when there is no submission server: NAME.eml, "
               "and NAME.json with its envelope, which is there first."},
      {.name = "notify.submission",
       .default_value = "",
       .help = "Server that takes the letters: smtp://HOST:587 (STARTTLS is required) or "
               "smtps://HOST:465. Only to a loopback address TLS is not asked for. Empty: letters "
               "go to notify.spool."},
      {.name = "notify.submission_credentials",
       .default_value = "",
       .help = "File with two lines, user name and password; others must not be able to read it."},
      {.name = "notify.ca_file",
       .default_value = "",
       .help = "PEM file with the certificates to trust in place of the system's, for submission "
               "and webhooks."},
      {.name = "notify.allow_plain_http",
       .type = ConfigType::kBoolean,
       .default_value = "false",
       .help = "Post to webhooks without TLS, too. To loopback addresses that is always done."},
      {.name = "notify.give_up_after",
       .type = ConfigType::kDuration,
       .default_value = "5d",
       .help = "What could not be delivered for so long is given up, and the case says so.",
       .minimum = 60'000},
  };
  return kKeys;
}

std::expected<Settings, std::string> read_settings(const ConfigValues& config) {
  Settings out;
  out.host = host_name();
  const auto address = [&](std::string_view key,
                           std::string& to) -> std::expected<void, std::string> {
    to = config.text(key).empty() ? to : config.text(key);
    if (to.empty() || is_mail_address(to)) return {};
    return mistake(key, fmt::format("'{}' is no e-mail address", one_line(to, 100)));
  };
  out.operators = config.text_list("notify.operator");
  for (const std::string& one : out.operators) {
    if (!is_mail_address(one))
      return mistake("notify.operator",
                     fmt::format("'{}' is no e-mail address", one_line(one, 100)));
  }
  const auto seconds = [&](std::string_view key) {
    return static_cast<uint64_t>(
        std::chrono::ceil<std::chrono::seconds>(config.duration(key)).count());
  };
  out.operator_digest_s = seconds("notify.operator_digest");
  out.tell_customers = config.boolean("notify.customers");
  out.organisation = config.text("notify.organisation");
  if (out.organisation.empty()) out.organisation = out.host;
  out.from = "postern@" + out.host;
  if (auto read = address("notify.from", out.from); !read) return std::unexpected(read.error());
  if (!out.operators.empty()) out.contact = out.operators[0];
  if (auto read = address("notify.contact", out.contact); !read)
    return std::unexpected(read.error());
  if (auto read = address("notify.envelope_sender", out.envelope_sender); !read)
    return std::unexpected(read.error());
  out.redact_recipients = config.boolean("notify.redact_recipients");
  if (const std::string& folder = config.text("notify.templates"); !folder.empty()) {
    auto templates = Templates::open(folder);
    if (!templates) return std::unexpected(templates.error());
    out.templates = std::move(*templates);
  }
  out.spool = config.text("notify.spool");
  if (!out.spool.is_absolute())
    return mistake("notify.spool", "name the folder with its whole path, beginning with '/'");
  out.submission.url = config.text("notify.submission");
  if (!out.submission.url.empty()) {
    const auto url = transfer::read_url(out.submission.url);
    if (!url || (url->scheme != "smtp" && url->scheme != "smtps") || !url->user_info.empty())
      return mistake("notify.submission", "expected smtp://HOST:PORT or smtps://HOST:PORT");
    out.submission.tls = url->scheme == "smtps" || !url->is_loopback;
  }
  if (const std::string& file = config.text("notify.submission_credentials"); !file.empty()) {
    if (out.submission.url.empty())
      return mistake("notify.submission_credentials", "notify.submission names no server");
    if (auto read = read_credentials(file, out.submission); !read)
      return std::unexpected(read.error());
  }
  out.ca_file = config.text("notify.ca_file");
  if (!out.ca_file.empty() && access(out.ca_file.c_str(), R_OK) != 0)
    return mistake("notify.ca_file", fmt::format("cannot read {}", out.ca_file.string()));
  out.allow_plain_http = config.boolean("notify.allow_plain_http");
  out.give_up_after_s = seconds("notify.give_up_after");
  return out;
}

}  // namespace postern::notify
