#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/case_reference.h"
#include "base/time_text.h"
#include "control/channel/notify.grpc.pb.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/table.h"

namespace postern::cli {
namespace {

using namespace channel::v1;
using Notices = channel::v1::NotifyDesk::Stub;
using nlohmann::ordered_json;

struct NotifyOptions : ControlOptions {
  std::string reference;
  bool waiting = false;
  uint32_t limit = 100;
  uint64_t id = 0;
  bool all = false;
  std::string to;
  std::string what = "opened";
};

const CLI::Validator kCase(
    [](std::string& text) {
      return CaseReference::parse(text) ? "" : fmt::format("'{}' is no case", printable(text));
    },
    "");

CaseReference case_of(const NotifyOptions& options) {
  return CaseReference::parse(options.reference).value_or(CaseReference{});
}

void print(const ordered_json& json) {
  fmt::print("{}\n", json.dump(2, ' ', false, ordered_json::error_handler_t::replace));
}

std::string reference_text(const Notice& notice) {
  return CaseReference{notice.reference()}.to_string();
}

ordered_json to_json(const Notice& notice) {
  return {{"id", notice.id()},
          {"case", reference_text(notice)},
          {"audience", notice.audience()},
          {"customer", notice.customer()},
          {"channel", notice.channel()},
          {"to", notice.to()},
          {"identity", notice.identity()},
          {"what", notice.what()},
          {"created", utc_time(notice.created_unix_s())},
          {"attempts", notice.attempts()},
          {"next_attempt", notice.next_attempt_unix_s() == 0
                               ? ordered_json()
                               : ordered_json(utc_time(notice.next_attempt_unix_s()))},
          {"last_error", notice.last_error()},
          {"delivered", notice.delivered_unix_s() == 0
                            ? ordered_json()
                            : ordered_json(utc_time(notice.delivered_unix_s()))},
          {"given_up", notice.given_up_unix_s() == 0
                           ? ordered_json()
                           : ordered_json(utc_time(notice.given_up_unix_s()))}};
}

std::string state_of(const Notice& notice) {
  if (notice.delivered_unix_s() != 0)
    return fmt::format("delivered {}", local_time(notice.delivered_unix_s()));
  const std::string why = printable(notice.last_error(), 120);
  if (notice.given_up_unix_s() != 0) return fmt::format("given up: {}", why);
  if (notice.attempts() == 0) return "waits";
  return fmt::format("attempt {} at {}: {}", notice.attempts() + 1,
                     local_time(notice.next_attempt_unix_s()), why);
}

int list_notices(const NotifyOptions& options) {
  ListNoticesRequest request;
  request.set_reference(case_of(options).number);
  request.set_only_waiting(options.waiting);
  request.set_limit(options.limit);
  ListNoticesReply reply;
  if (const int code =
          ControlConnection(options.socket).ask(&Notices::ListNotices, request, &reply);
      code != kOk)
    return code;
  const int code = reply.notices().empty() ? kNegative : kOk;
  if (options.json) {
    ordered_json notices = ordered_json::array();
    for (const Notice& notice : reply.notices()) notices.push_back(to_json(notice));
    print({{"notices", notices}, {"untold", reply.untold()}});
    return code;
  }
  Table table({"id", "case", "made", "to", "of", "state"});
  for (const Notice& notice : reply.notices()) {
    table.add({fmt::to_string(notice.id()), reference_text(notice),
               local_time(notice.created_unix_s()), printable(notice.to(), 50),
               printable(notice.what(), 40), state_of(notice)});
  }
  if (!table.empty()) fmt::print("{}", table.to_string());
  if (reply.untold() > 0)
    fmt::print("{} happenings wait for the time of their digest\n", reply.untold());
  return code;
}

int retry_notices(const NotifyOptions& options) {
  if (options.all == (options.id != 0)) return complain("name a notice, or --all", kUsage);
  RetryNoticesRequest request;
  request.set_id(options.id);
  RetryNoticesReply reply;
  if (const int code =
          ControlConnection(options.socket).ask(&Notices::RetryNotices, request, &reply);
      code != kOk)
    return code;
  if (options.json) {
    print({{"due", reply.due()}});
  } else {
    fmt::print("{} tried now; `postern notify list` shows how it ends\n", reply.due());
  }
  return kOk;
}

int test_notice(const NotifyOptions& options) {
  TestNoticeRequest request;
  request.set_to(options.to);
  TestNoticeReply reply;
  constexpr std::chrono::seconds kPatience{90};  // a server may take a minute
  if (const int code =
          ControlConnection(options.socket).ask(&Notices::TestNotice, request, &reply, kPatience);
      code != kOk)
    return code;
  if (options.json) {
    print({{"to", options.to}, {"way", reply.way()}});
  } else {
    fmt::print("taken by {}\n", printable(reply.way(), 200));
  }
  return kOk;
}

// Mail as it is, line by line, harmless to a terminal.
void print_octets(std::string_view octets) {
  while (!octets.empty()) {
    const size_t end = octets.find('\n');
    std::string_view line = octets.substr(0, end);
    octets.remove_prefix(end == octets.npos ? octets.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    fmt::print("{}\n", printable(line, 100'000));
  }
}

int preview_notices(const NotifyOptions& options) {
  PreviewNoticesRequest request;
  request.set_reference(case_of(options).number);
  request.set_what(options.what);
  PreviewNoticesReply reply;
  if (const int code =
          ControlConnection(options.socket).ask(&Notices::PreviewNotices, request, &reply);
      code != kOk)
    return code;
  if (options.json) {
    ordered_json notices = ordered_json::array();
    for (const Notice& notice : reply.notices()) {
      notices.push_back({{"audience", notice.audience()},
                         {"channel", notice.channel()},
                         {"to", notice.to()},
                         {"message", notice.message()}});
    }
    print({{"notices", notices}});
  } else {
    for (const Notice& notice : reply.notices()) {
      fmt::print("--- {} to {} ({})\n", notice.channel(), printable(notice.to(), 200),
                 notice.audience());
      print_octets(notice.message());
    }
    if (reply.notices().empty()) fmt::print("nobody would be told\n");
  }
  return reply.notices().empty() ? kNegative : kOk;
}

}  // namespace

void add_notify_command(CLI::App& app, int* exit_code) {
  CLI::App* notify =
      app.add_subcommand("notify", "Notices to customers and to the operator: list, retry, test");
  notify->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*run)(const NotifyOptions&)) {
    auto options = std::make_shared<NotifyOptions>();
    CLI::App* command = notify->add_subcommand(name, help);
    options->add_to(*command);
    command->callback([options, run, exit_code] { *exit_code = run(*options); });
    return std::pair(command, options.get());
  };
  const auto [list, listing] =
      add("list", "What was sent, waits, or was given up; newest first", list_notices);
  list->add_option("--case", listing->reference, "Of this case")->type_name("CASE")->check(kCase);
  list->add_flag("--waiting", listing->waiting, "What is not delivered yet");
  list->add_option("--limit", listing->limit, "At most so many")->capture_default_str();
  const auto [retry, retrying] =
      add("retry", "Try again now what waits or was given up", retry_notices);
  retry->add_option("id", retrying->id, "As `notify list` shows it")->type_name("ID");
  retry->add_flag("--all", retrying->all, "All that wait");
  const auto [test, testing] =
      add("test", "Send a test the way notices go, and say how it ended", test_notice);
  test->add_option("to", testing->to, "E-mail address, or a webhook's URL")
      ->type_name("ADDRESS")
      ->required();
  const auto [preview, previewing] =
      add("preview", "Print what would be sent of a case; sends nothing", preview_notices);
  preview->add_option("case", previewing->reference, "The case")
      ->type_name("CASE")
      ->required()
      ->check(kCase);
  preview->add_option("--what", previewing->what, "As if this had happened: opened, escalated, …")
      ->capture_default_str();
}

}  // namespace postern::cli
