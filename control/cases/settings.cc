#include "control/cases/settings.h"

#include <fmt/format.h>

#include <charconv>

#include "base/duration.h"

namespace postern::cases {
namespace {

// "5/min for 4h".
std::expected<ProbationStep, std::string> read_step(const std::string& text) {
  const auto mistake = [&] {
    return std::unexpected(fmt::format(
        "restoration.probation: \"{}\" is no step: write a rate and a time, as \"5/min for 4h\"",
        text));
  };
  uint32_t rate = 0;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, rate);
  constexpr std::string_view kBetween = "/min for ";
  const std::string_view rest(after, static_cast<size_t>(end - after));
  if (error != std::errc() || rate == 0 || rate > 1'000'000 || !rest.starts_with(kBetween))
    return mistake();
  const auto time = parse_duration(rest.substr(kBetween.size()));
  if (!time || *time < std::chrono::seconds(1)) return mistake();
  return ProbationStep{
      rate, static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(*time).count())};
}

}  // namespace

const std::vector<ConfigKey>& config_keys() {
  static const std::vector<ConfigKey> keys{
      {.name = "cases.page",
       .default_value = "",
       .help = "What stands before the token in links to a case's page, which customers get: "
               "\"https://relay.example/c/\". Empty: there is no page, and no links."},
      {.name = "cases.link_good_for",
       .type = ConfigType::kDuration,
       .default_value = "14d",
       .help = "How long such a link is good.",
       .minimum = 60'000},
      {.name = "restoration.quiet",
       .type = ConfigType::kDuration,
       .default_value = "30m",
       .help = "How long no new spam, and no spam seen before, must have come from a sender before "
               "its marks \"quiet\" and \"purged\" are green.",
       .minimum = 1'000},
      {.name = "restoration.policy_approves",
       .type = ConfigType::kBoolean,
       .default_value = "false",
       .help = "Whether a sender whose marks are all green gets its switches back when it asks. "
               "Else a technician decides: postern case restore."},
      {.name = "restoration.probation",
       .type = ConfigType::kTextList,
       .default_value = R"(["5/min for 4h", "20/min for 20h", "60/min for 2d"])",
       .help =
           "What a sender may send after its restoration, step by step. The case is closed after "
           "the last one. An empty list: there is no probation."},
      {.name = "restoration.relapse_messages",
       .type = ConfigType::kInteger,
       .default_value = "2",
       .help =
           "So many different spam messages in probation, and all that was taken away is in force "
           "again.",
       .minimum = 1,
       .maximum = 1000},
  };
  return keys;
}

std::expected<Settings, std::string> read_settings(const ConfigValues& config) {
  const auto seconds = [&](std::string_view key) {
    return std::chrono::duration_cast<std::chrono::seconds>(config.duration(key));
  };
  Settings out{.page_url = config.text("cases.page"),
               .link_good_for = seconds("cases.link_good_for")};
  if (!out.page_url.empty() && !out.page_url.starts_with("https://") &&
      !out.page_url.starts_with("http://")) {
    return std::unexpected(
        fmt::format("cases.page: \"{}\" is no address: it begins with https://", out.page_url));
  }
  out.restoration.marks.quiet_s = static_cast<uint64_t>(seconds("restoration.quiet").count());
  out.restoration.policy_approves = config.boolean("restoration.policy_approves");
  out.restoration.relapse_messages =
      static_cast<uint32_t>(config.integer("restoration.relapse_messages"));
  out.restoration.probation.clear();
  for (const std::string& text : config.text_list("restoration.probation")) {
    const auto step = read_step(text);
    if (!step) return std::unexpected(step.error());
    out.restoration.probation.push_back(*step);
  }
  return out;
}

}  // namespace postern::cases
