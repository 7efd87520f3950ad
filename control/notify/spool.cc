#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/replace_file.h"
#include "control/notify/delivery.h"

namespace postern::notify {
namespace {

std::span<const uint8_t> octets_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

Delivery put_into_spool(const ledger::OutboxMessage& message, const Settings& settings) {
  // Not a letter's fault: the next ones would end the same.
  const auto failed = [&](std::string_view why) {
    return Delivery{.way_is_down = true,
                    .text = fmt::format("the spool {} takes no letter: {}; make room, or name "
                                        "another folder in notify.spool",
                                        settings.spool.string(), why)};
  };
  std::error_code error;
  std::filesystem::create_directories(settings.spool, error);
  if (error) return failed(error.message());
  const std::string name = fmt::format("{}-{}", message.created_unix_s, message.identity);
  const std::string envelope =
      nlohmann::ordered_json{{"envelope_from", settings.envelope_sender},
                             {"envelope_to", {message.to}},
                             {"case", message.reference ? message.reference.to_string() : ""},
                             {"message_id", message.identity}}
          .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
      "\n";
  constexpr mode_t kMode = 0640;
  if (const auto written =
          replace_file(settings.spool / (name + ".json"), octets_of(envelope), kMode);
      !written) {
    return failed(written.error());
  }
  if (const auto written =
          replace_file(settings.spool / (name + ".eml"), octets_of(message.message), kMode);
      !written) {
    // An envelope alone would lie there for ever.
    std::filesystem::remove(settings.spool / (name + ".json"), error);
    return failed(written.error());
  }
  return {.done = true};
}

}  // namespace postern::notify
