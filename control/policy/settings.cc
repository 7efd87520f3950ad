#include "control/policy/settings.h"

#include <fmt/format.h>

#include <array>
#include <list>

#include "control/policy/windows.h"

namespace postern::policy {
namespace {

using ledger::Step;

// A rung's defaults as they stand in the file.
struct RungDefaults {
  Step step;
  std::string_view about;
  std::string_view window, spam, share, rejected, null_senders, failed_logins, attempts, volume,
      holds_for;
};
constexpr RungDefaults kRungs[] = {
    {Step::kObserve, "A case is opened; nothing is restricted", "10m", "2", "0.0", "100", "100",
     "20", "0", "5.0", "0"},
    {Step::kThrottle, "Only so many of its messages pass in a minute", "10m", "5", "0.05", "500",
     "500", "100", "0", "10.0", "1h"},
    {Step::kHold, "All its mail is deferred and waits in its own queue", "15m", "10", "0.1", "2000",
     "2000", "0", "0", "0.0", "6h"},
    {Step::kBlock,
     "Its mail is refused: of a user or an injecting address where these separate the "
     "guilty, else of the server",
     "30m", "20", "0.2", "0", "0", "0", "0", "0.0", "0"},
    {Step::kRevoke, "It is no trusted relay any more", "24h", "200", "0.2", "0", "0", "0", "2000",
     "0.0", "0"},
};

std::vector<ConfigKey> make_keys() {
  static std::list<std::string> names;  // what the table's views look at
  std::vector<ConfigKey> keys{
      {.name = "policy.enabled",
       .type = ConfigType::kBoolean,
       .default_value = "true",
       .help = "Whether senders are judged by what they send. Else verdicts are set by hand and by "
               "feeds only."},
      {.name = "policy.shadow",
       .type = ConfigType::kBoolean,
       .default_value = "false",
       .help = "Only write down what would be done (log, postern audit), and do nothing."},
      {.name = "policy.exempt",
       .type = ConfigType::kTextList,
       .default_value = "[]",
       .help =
           "Prefixes of senders that are observed and never restricted. Customers can be exempt "
           "too: postern customer change NAME --exempt true."},
      {.name = "policy.messages_per_minute",
       .type = ConfigType::kInteger,
       .default_value = "10",
       .help = "What a throttled sender may send, when its customer has no rate of its own.",
       .minimum = 1,
       .maximum = 1'000'000},
      {.name = "policy.large_sender",
       .type = ConfigType::kInteger,
       .default_value = "10000",
       .help = "A sender known to send twice as many messages a day as this is asked for twice the "
               "counts on every rung, and so on up to twenty times. 0: all are asked for the same.",
       .minimum = 0},
      {.name = "policy.separation",
       .type = ConfigType::kNumber,
       .default_value = "0.8",
       .help =
           "When so much of a server's spam belongs to a few of its users, or was handed in by a "
           "few addresses, these are judged by themselves, and the server by the rest.",
       .minimum = 0.5,
       .maximum = 1},
      {.name = "policy.most_parts",
       .type = ConfigType::kInteger,
       .default_value = "3",
       .help = "How many users, or addresses, are a few.",
       .minimum = 1,
       .maximum = 16},
      {.name = "policy.range_servers",
       .type = ConfigType::kInteger,
       .default_value = "3",
       .help = "When so many servers of one /24 (IPv6: /64) are blocked, the range is proposed for "
               "exclusion: a person confirms. 0: never.",
       .minimum = 0},
      {.name = "policy.evidence",
       .type = ConfigType::kInteger,
       .default_value = "50",
       .help = "Messages kept for each case: envelopes, rules and some headers, never bodies.",
       .minimum = 1,
       .maximum = 1000},
      {.name = "policy.close_after",
       .type = ConfigType::kDuration,
       .default_value = "24h",
       .help = "A case that was never blocked is closed when so long nothing came.",
       .minimum = 60'000},
  };
  for (const RungDefaults& rung : kRungs) {
    const auto key = [&](std::string_view last, ConfigType type, std::string_view value,
                         std::string_view help, double minimum = 0) {
      const std::string& name =
          names.emplace_back(fmt::format("policy.{}.{}", ledger::step_name(rung.step), last));
      keys.push_back({.name = name,
                      .type = type,
                      .default_value = value,
                      .help = help,
                      .minimum = type == ConfigType::kBoolean || type == ConfigType::kDuration
                                     ? std::numeric_limits<double>::lowest()
                                     : minimum});
    };
    key("enabled", ConfigType::kBoolean, "true",
        names.emplace_back(fmt::format("{}. One of the conditions below is enough; 0: it is not "
                                       "asked.",
                                       rung.about)));
    key("window", ConfigType::kDuration, rung.window,
        "What came in so long counts: a minute to a day.");
    key("spam", ConfigType::kInteger, rung.spam, "Different spam messages; repeats do not count.");
    key("share", ConfigType::kNumber, rung.share,
        "And at least so much of all its messages: 0 to 1.");
    key("rejected", ConfigType::kInteger, rung.rejected,
        "Recipients that other servers did not take.");
    key("null_senders", ConfigType::kInteger, rung.null_senders, "Messages with an empty sender.");
    key("failed_logins", ConfigType::kInteger, rung.failed_logins, "Logins that failed.");
    key("attempts", ConfigType::kInteger, rung.attempts, "Attempts that a block stopped unread.");
    key("volume", ConfigType::kNumber, rung.volume,
        "Times what it sends in an hour usually, or is known to send.");
    key("holds_for", ConfigType::kDuration, rung.holds_for,
        "How long the verdict holds; 0: until it is given back.");
  }
  return keys;
}

}  // namespace

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> keys = make_keys();
  return keys;
}

std::expected<Settings, std::string> read_settings(const ConfigValues& config) {
  const auto seconds = [&](std::string_view key) {
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(config.duration(key)).count());
  };
  Settings out{
      .enabled = config.boolean("policy.enabled"),
      .shadow = config.boolean("policy.shadow"),
      .messages_per_minute = static_cast<uint32_t>(config.integer("policy.messages_per_minute")),
      .large_sender = static_cast<uint64_t>(config.integer("policy.large_sender")),
      .separation = config.number("policy.separation"),
      .most_parts = static_cast<uint32_t>(config.integer("policy.most_parts")),
      .range_servers = static_cast<uint32_t>(config.integer("policy.range_servers")),
      .evidence = static_cast<uint32_t>(config.integer("policy.evidence")),
      .close_after_s = seconds("policy.close_after")};
  for (const std::string& text : config.text_list("policy.exempt")) {
    const auto prefix = IpPrefix::parse(text);
    if (!prefix) return std::unexpected(fmt::format("policy.exempt: {}", prefix.error()));
    out.exempt.push_back(*prefix);
  }
  for (const RungDefaults& defaults : kRungs) {
    const std::string section = fmt::format("policy.{}.", ledger::step_name(defaults.step));
    const auto count = [&](std::string_view key) {
      return static_cast<uint64_t>(config.integer(fmt::format("{}{}", section, key)));
    };
    Rung rung{.step = defaults.step,
              .enabled = config.boolean(section + "enabled"),
              .window_s = seconds(section + "window"),
              .spam = count("spam"),
              .share = config.number(section + "share"),
              .rejected = count("rejected"),
              .null_senders = count("null_senders"),
              .failed_logins = count("failed_logins"),
              .attempts = count("attempts"),
              .volume = config.number(section + "volume"),
              .holds_for_s = seconds(section + "holds_for")};
    if (rung.window_s < 60 || rung.window_s > kLongestWindow_s)
      return std::unexpected(fmt::format("{}window is a minute to a day", section));
    if (rung.share > 1) return std::unexpected(fmt::format("{}share is 0 to 1", section));
    if (rung.spam > ServerWindow::kMostSpam) {
      return std::unexpected(fmt::format("{}spam is {} at most", section, ServerWindow::kMostSpam));
    }
    out.ladder.push_back(rung);
  }
  return out;
}

Settings usual_settings() { return *read_settings(*parse_config("", "usual", config_keys())); }

}  // namespace postern::policy
