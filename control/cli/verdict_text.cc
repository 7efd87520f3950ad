#include "control/cli/verdict_text.h"

#include <fmt/format.h>

#include <ctime>

#include "base/case_reference.h"
#include "control/channel/json.h"
#include "control/channel/treatment.h"

namespace postern::cli {

using namespace channel::v1;
using nlohmann::ordered_json;

namespace {

ordered_json to_json(const ChangeReply& reply) {
  return {{"version", reply.version()},
          {"attached", reply.attached()},
          {"in_force", reply.in_force()},
          {"verdict", channel::to_json(reply.entry())}};
}

}  // namespace

std::string case_text(uint64_t number) {
  return number == 0 ? "" : CaseReference{number}.to_string();
}

std::string treatment_text(const VerdictEntry& entry) {
  std::string text(channel::treatment_name(entry.treatment()));
  if (entry.treatment() == TREATMENT_THROTTLE)
    text += fmt::format(" {}/min", entry.messages_per_minute());
  if (entry.starttls() != START_TLS_AS_POLICY)
    text += fmt::format(", {} STARTTLS", channel::starttls_name(entry.starttls()));
  return text;
}

std::string sender_text(const VerdictEntry& entry) {
  return entry.prefix() + (entry.part().empty() ? "" : " " + printable(entry.part()));
}

std::string switch_text(const VerdictEntry& entry) {
  if (entry.of() == SWITCH_TREATMENT) return treatment_text(entry);
  return fmt::format("{}: {}", channel::switch_name(entry.of()), treatment_text(entry));
}

std::string expiry_text(const VerdictEntry& entry) {
  if (entry.expires_unix_s() == 0) return "never";
  const auto now = static_cast<uint64_t>(std::time(nullptr));
  if (entry.expires_unix_s() <= now) return "now";
  return fmt::format("{} (in {})", local_time(entry.expires_unix_s()),
                     age(entry.expires_unix_s() - now));
}

void add_verdict_row(Table& table, const VerdictEntry& entry) {
  table.add({sender_text(entry), std::string(channel::switch_name(entry.of())),
             treatment_text(entry), case_text(entry.case_reference()), expiry_text(entry),
             printable(entry.author(), 20), printable(entry.reason())});
}
const std::vector<std::string> kVerdictColumns{"PREFIX",  "SWITCH", "TREATMENT", "CASE",
                                               "EXPIRES", "AUTHOR", "REASON"};

void print(const ordered_json& json) {
  fmt::print("{}\n", json.dump(2, ' ', false, ordered_json::error_handler_t::replace));
}

int report_reach(const ChangeReply& reply, const ControlOptions& options) {
  if (options.json) {
    print(to_json(reply));
  } else if (reply.attached() == 0) {
    fmt::print(
        "recorded as version {}; no data plane is attached: it will be in force when one comes\n",
        reply.version());
  } else {
    fmt::print("in force in {} of {} data planes (version {})\n", reply.in_force(),
               reply.attached(), reply.version());
  }
  if (reply.in_force() < reply.attached()) {
    complain("not every data plane has confirmed the change yet: `postern status` shows which",
             kNegative);
  }
  return reply.in_force() == 0 ? kNegative : kOk;
}

}  // namespace postern::cli
