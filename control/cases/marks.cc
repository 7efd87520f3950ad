#include "control/cases/marks.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ranges>
#include <unordered_set>

#include "control/cases/subject.h"

namespace postern::cases {
namespace {

using channel::v1::Event;
using nlohmann::json;

struct Seen {
  uint64_t last_new_s = 0;    // spam not seen before, or a blocked attempt
  uint64_t last_again_s = 0;  // spam that was seen before
  bool last_was_blocked = false;
};

Seen look(const ledger::Subject& subject, std::span<const Event> newest_first) {
  Seen seen;
  std::unordered_set<std::string> fingerprints;
  for (const Event& event : newest_first | std::views::reverse) {
    if (!concerns(subject, event)) continue;
    const uint64_t at = event.wall_us() / 1'000'000;
    if (is_blocked_attempt(subject, event)) {
      seen.last_new_s = std::max(seen.last_new_s, at);
      seen.last_was_blocked = true;
    } else if (is_spam(event)) {
      const bool is_new =
          event.content_hash().empty() || fingerprints.insert(event.content_hash()).second;
      uint64_t& last = is_new ? seen.last_new_s : seen.last_again_s;
      last = std::max(last, at);
      if (is_new) seen.last_was_blocked = false;
    }
  }
  return seen;
}

// "12 minutes", "45 seconds": for people.
std::string span_text(uint64_t seconds) {
  constexpr uint64_t kMinute_s = 60;
  if (seconds >= 2 * kMinute_s) return fmt::format("{} minutes", seconds / kMinute_s);
  return fmt::format("{} second{}", seconds, seconds == 1 ? "" : "s");
}

Mark since_when(MarkKind kind, uint64_t last_s, std::string_view what, bool all_of_them,
                uint64_t opened_s, const MarkSettings& settings, uint64_t now_s) {
  Mark mark{.kind = kind, .since_unix_s = last_s};
  if (!all_of_them) {
    mark.text = "more was sent than is looked through: not known";
    return mark;
  }
  const uint64_t begin = std::max(last_s, opened_s);
  const uint64_t quiet = now_s > begin ? now_s - begin : 0;
  mark.green = quiet >= settings.quiet_s;
  const std::string asked = fmt::format("{} are asked for", span_text(settings.quiet_s));
  if (last_s == 0) {
    mark.text =
        fmt::format("{} since the case was opened, {} ago; {}", what, span_text(quiet), asked);
  } else {
    mark.text = fmt::format("{} for {}; {}", what, span_text(quiet), asked);
  }
  return mark;
}

// Which marks a diagnosis asks for: control/diagnosis/diagnosis.h says them; of another program's,
// or a person's, its kind does.
struct Asked {
  bool relay = false, password = false;
};

Asked asked_by(const std::string& diagnosis) {
  const json object = json::parse(diagnosis, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return {};
  if (const auto asks = object.find("asks_for"); asks != object.end() && asks->is_array()) {
    const auto has = [&](MarkKind kind) {
      return std::ranges::find(*asks, json(kMarkNames[static_cast<size_t>(kind)])) != asks->end();
    };
    return {has(MarkKind::kRelay), has(MarkKind::kPassword)};
  }
  const auto kind = object.find("kind");
  if (kind == object.end() || !kind->is_string()) return {};
  const auto& text = kind->get_ref<const std::string&>();
  return {text.find("relay") != text.npos, text.find("password") != text.npos};
}

json to_json(const Said& said) {
  return {{"at", said.at_unix_s}, {"by", said.by}, {"text", said.text}};
}

std::string text_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}
uint64_t number_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

std::optional<Said> said_in(const json& record, const char* name) {
  const auto found = record.find(name);
  if (found == record.end() || !found->is_object()) return {};
  return Said{number_in(*found, "at"), text_in(*found, "by"), text_in(*found, "text")};
}

}  // namespace

RestorationRecord read_record(const std::string& text) {
  RestorationRecord out;
  const json record = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object()) return out;
  out.password = said_in(record, "password");
  out.request = said_in(record, "request");
  if (const auto relay = record.find("relay"); relay != record.end() && relay->is_object()) {
    out.relay = Probed{number_in(*relay, "at"), relay->value("open", true) == true,
                       text_in(*relay, "text")};
  }
  if (const auto taken = record.find("taken_away"); taken != record.end() && taken->is_array()) {
    for (const json& verdict : *taken) out.taken_away.push_back(verdict.dump());
  }
  out.probation_since_unix_s = number_in(record, "probation_since");
  out.probation_step = static_cast<uint32_t>(number_in(record, "probation_step"));
  return out;
}

std::string write_record(const RestorationRecord& record) {
  json out = json::object();
  if (record.password) out["password"] = to_json(*record.password);
  if (record.request) out["request"] = to_json(*record.request);
  if (record.relay) {
    out["relay"] = {{"at", record.relay->at_unix_s},
                    {"open", record.relay->open},
                    {"text", record.relay->text}};
  }
  for (const std::string& verdict : record.taken_away)
    out["taken_away"].push_back(json::parse(verdict, nullptr, /*allow_exceptions=*/false));
  if (record.probation_since_unix_s != 0) {
    out["probation_since"] = record.probation_since_unix_s;
    out["probation_step"] = record.probation_step;
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::vector<Mark> marks_of(const ledger::Case& about, std::span<const Event> events,
                           bool all_of_them, const MarkSettings& settings, uint64_t now_unix_s) {
  const Seen seen = look(about.subject, events);
  const RestorationRecord record = read_record(about.marks);
  const Asked asked = asked_by(about.diagnosis);
  std::vector<Mark> out;
  out.push_back(since_when(MarkKind::kQuiet, seen.last_new_s,
                           seen.last_was_blocked ? "no attempt" : "no new spam", all_of_them,
                           about.opened_unix_s, settings, now_unix_s));
  out.push_back(since_when(MarkKind::kPurged, seen.last_again_s, "no spam sent again", all_of_them,
                           about.opened_unix_s, settings, now_unix_s));
  if (asked.relay || (record.relay && record.relay->open)) {
    Mark mark{.kind = MarkKind::kRelay, .text = "not probed yet"};
    if (record.relay) {
      mark.green = !record.relay->open && record.relay->at_unix_s >= about.opened_unix_s;
      mark.since_unix_s = record.relay->at_unix_s;
      mark.text = record.relay->text;
    }
    out.push_back(std::move(mark));
  }
  if (about.subject.part.starts_with("user:") || asked.password) {
    Mark mark{.kind = MarkKind::kPassword, .text = "nobody has said that it was changed"};
    if (record.password) {
      mark.green = true;
      mark.since_unix_s = record.password->at_unix_s;
      mark.text = fmt::format("said by {}{}{}", record.password->by,
                              record.password->text.empty() ? "" : ": ", record.password->text);
    }
    out.push_back(std::move(mark));
  }
  return out;
}

bool all_green(std::span<const Mark> marks) { return std::ranges::all_of(marks, &Mark::green); }

}  // namespace postern::cases
