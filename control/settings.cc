#include "control/settings.h"

#include "control/api/settings.h"
#include "control/cases/settings.h"
#include "control/notify/settings.h"
#include "control/policy/settings.h"
#include "control/probe/settings.h"
#include "control/server/remote_settings.h"

namespace postern {
namespace {

const std::vector<ConfigKey> kOwnKeys{
    {.name = "control.socket",
     .default_value = "/run/postern/control.sock",
     .help =
         "Unix socket on which data planes and the postern command line are served (mode 0660)."},
    {.name = "control.ledger",
     .default_value = "/var/lib/postern/ledger.sqlite",
     .help = "SQLite file with verdicts, their history, and events. Its directory must exist."},
    {.name = "control.keep_events",
     .type = ConfigType::kDuration,
     .default_value = "90d",
     .help = "How long events are kept; \"0\" keeps them for ever."},
    {.name = "control.keep_evidence",
     .type = ConfigType::kDuration,
     .default_value = "90d",
     .help = "How long the messages that a case rests on are kept: envelopes, rules, and some "
             "headers, never bodies. Cases and their history stay. \"0\" keeps them for ever."},
    {.name = "control.keep_sender_counts",
     .type = ConfigType::kDuration,
     .default_value = "400d",
     .help = "How long it is kept what each sender did hour by hour; \"0\" keeps it for ever."},
    {.name = "control.log_level",
     .type = ConfigType::kChoice,
     .default_value = "info",
     .help = "Least important messages that are written to standard error.",
     .choices = {"debug", "info", "warning", "error"}},
};

}  // namespace

const std::vector<ConfigKey>& control_config_keys() {
  static const std::vector<ConfigKey> all = [] {
    std::vector<ConfigKey> out = kOwnKeys;
    for (const auto* more :
         {&server::remote_config_keys(), &policy::config_keys(), &cases::config_keys(),
          &notify::config_keys(), &probe::config_keys(), &api::config_keys()})
      out.insert(out.end(), more->begin(), more->end());
    return out;
  }();
  return all;
}

}  // namespace postern
