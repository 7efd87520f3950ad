#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "base/time_text.h"
#include "control/channel/json.h"
#include "control/channel/treatment.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/table.h"
#include "control/feeds/feed.h"
#include "control/feeds/list_source.h"

namespace postern::cli {
namespace {

using namespace channel::v1;
using Desk = channel::v1::Operator::Stub;
using nlohmann::ordered_json;

struct FeedOptions : ControlOptions {
  std::string file;
  std::string name;
  std::string format;
  std::string treatment = "refuse";
  std::string every = "1h";
  bool no_check = false;
  bool may_shrink = false;
  bool dry_run = false;
};

int report(const ImportFeedReply& reply, const FeedOptions& options) {
  if (options.json) {
    fmt::print("{}\n", ordered_json{{"feed", options.name},
                                    {"added", reply.added()},
                                    {"changed", reply.changed()},
                                    {"removed", reply.removed()},
                                    {"unchanged", reply.unchanged()},
                                    {"set_by_others", reply.set_by_others()},
                                    {"changed_anything", !options.dry_run},
                                    {"version", reply.version()},
                                    {"attached", reply.attached()},
                                    {"in_force", reply.in_force()}}
                           .dump(2));
    return kOk;
  }
  fmt::print("{}: {} added, {} changed, {} removed, {} as before{}\n", options.name, reply.added(),
             reply.changed(), reply.removed(), reply.unchanged(),
             options.dry_run ? "; nothing was changed" : "");
  if (reply.set_by_others() > 0) {
    fmt::print("{} ranges are excluded by others already, and left as they are\n",
               reply.set_by_others());
  }
  if (reply.attached() > 0) {
    fmt::print("in force in {} of {} data planes (version {})\n", reply.in_force(),
               reply.attached(), reply.version());
  }
  return kOk;
}

int send(const ImportFeedRequest& request, const FeedOptions& options) {
  ImportFeedReply reply;
  constexpr std::chrono::minutes kPatience{2};  // a million entries
  if (const int code =
          ControlConnection(options.socket).ask(&Desk::ImportFeed, request, &reply, kPatience);
      code != kOk) {
    return code;
  }
  return report(reply, options);
}

std::expected<feeds::Feed, std::string> read(const FeedOptions& options) {
  static const std::atomic<bool> kNeverStopped = false;  // but by the shell
  const auto text = feeds::read_list(options.file, kNeverStopped);
  if (!text) return std::unexpected(text.error());
  auto feed = feeds::read_feed(*text, *feeds::parse_format(options.format),
                               static_cast<uint64_t>(std::time(nullptr)));
  if (!feed) return std::unexpected(fmt::format("{}: {}", options.file, feed.error()));
  if (!options.json) {
    for (const std::string& note : feed->notes) fmt::print("{}\n", printable(note, 300));
  }
  return feed;
}

int import_feed(const FeedOptions& options) {
  const auto feed = read(options);
  if (!feed) return complain(feed.error(), kUsage);
  ImportFeedRequest request;
  request.set_name(options.name);
  request.set_treatment(*channel::parse_treatment(options.treatment));
  request.set_may_shrink(options.may_shrink);
  request.set_only_tell(options.dry_run);
  for (const feeds::Entry& entry : feed->entries) {
    FeedEntry& out = *request.add_entries();
    out.set_prefix(entry.prefix.to_string());
    out.set_excluded(entry.excluded);
    out.set_reference(printable(entry.reference, 300));
  }
  return send(request, options);
}

int remove_feed(const FeedOptions& options) {
  ImportFeedRequest request;
  request.set_name(options.name);
  return send(request, options);
}

int follow_feed(const FeedOptions& options) {
  const auto every = parse_duration(options.every);
  if (!every) return complain("--every: " + every.error(), kUsage);
  std::error_code error;
  const std::string list = feeds::is_download(options.file)
                               ? options.file
                               : std::filesystem::absolute(options.file, error).string();
  if (!options.no_check) {
    const auto feed = read(options);
    if (!feed) return complain(feed.error(), kUsage);
  }
  FollowFeedRequest request;
  request.set_name(options.name);
  request.set_author(user_name());
  FollowedFeed& followed = *request.mutable_feed();
  followed.set_format(options.format);
  followed.set_path(list);
  followed.set_treatment(*channel::parse_treatment(options.treatment));
  followed.set_every_s(
      static_cast<uint32_t>(std::chrono::ceil<std::chrono::seconds>(*every).count()));
  FollowFeedReply reply;
  if (const int code = ControlConnection(options.socket).ask(&Desk::FollowFeed, request, &reply);
      code != kOk) {
    return code;
  }
  if (options.json) {
    fmt::print("{}\n", ordered_json{{"feed", options.name}, {"file", list}}.dump(2));
  } else {
    fmt::print("{} is read now and every {}: 'postern feed list' says how it went\n", list,
               options.every);
  }
  return kOk;
}

int leave_feed(const FeedOptions& options) {
  LeaveFeedRequest request;
  request.set_name(options.name);
  request.set_author(user_name());
  LeaveFeedReply reply;
  if (const int code = ControlConnection(options.socket).ask(&Desk::LeaveFeed, request, &reply);
      code != kOk) {
    return code;
  }
  if (options.json) {
    fmt::print("{}\n", ordered_json{{"feed", options.name}}.dump(2));
  } else {
    fmt::print("{0} is read no more; what it excluded stays so until 'postern feed remove {0}'\n",
               options.name);
  }
  return kOk;
}

int list_feeds(const FeedOptions& options) {
  ListFeedsReply reply;
  if (const int code =
          ControlConnection(options.socket).ask(&Desk::ListFeeds, ListFeedsRequest(), &reply);
      code != kOk) {
    return code;
  }
  if (options.json) {
    ordered_json out = ordered_json::array();
    for (const FeedState& state : reply.feeds()) out.push_back(channel::to_json(state));
    fmt::print("{}\n", ordered_json{{"feeds", out}}.dump(2));
    return reply.feeds().empty() ? kNegative : kOk;
  }
  if (reply.feeds().empty())
    return complain("no feed is followed, and none excludes anything", kNegative);
  Table table({"FEED", "RANGES", "LATEST CHANGE", "READ", "FILE"});
  for (const FeedState& state : reply.feeds()) {
    const FollowedFeed& followed = state.followed();
    const auto time = [](uint64_t at) { return at == 0 ? std::string("-") : local_time(at); };
    table.add({printable(state.name()), std::to_string(state.ranges()),
               time(state.changed_unix_s()), time(followed.read_unix_s()),
               state.has_followed() ? printable(followed.path()) : "(by hand)"});
  }
  fmt::print("{}", table.to_string());
  for (const FeedState& state : reply.feeds()) {
    if (state.followed().problem().empty()) continue;
    fmt::print("{}: {}; what it excluded before stays in force\n", printable(state.name()),
               printable(state.followed().problem(), 300));
  }
  return kOk;
}

}  // namespace

void add_feed_command(CLI::App& app, int* exit_code) {
  CLI::App* feed = app.add_subcommand(
      "feed",
      "Lists of ranges that others publish, as range exclusions: import, follow, leave, remove, "
      "list; and ours as a zone: export");
  feed->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*run)(const FeedOptions&)) {
    auto options = std::make_shared<FeedOptions>();
    CLI::App* command = feed->add_subcommand(name, help);
    options->add_to(*command);
    command->callback([options, run, exit_code] { *exit_code = run(*options); });
    return std::pair(command, options.get());
  };
  const auto add_name = [](CLI::App* command, FeedOptions* options) {
    command->add_option("name", options->name, "What the feed is called here: drop, ours")
        ->type_name("NAME")
        ->required();
  };
  const auto add_list = [&](CLI::App* command, FeedOptions* options) {
    add_name(command, options);
    command->add_option("file", options->file, "The list: a file, or its https:// URL")
        ->type_name("LIST")
        ->required();
    std::vector<std::string> formats(std::begin(feeds::kFormatNames),
                                     std::end(feeds::kFormatNames));
    command
        ->add_option("--format", options->format,
                     "drop, drop-json: Spamhaus DROP; ip4set, ip4trie, ip6trie: rbldnsd")
        ->type_name("FORMAT")
        ->required()
        ->check(CLI::IsMember(formats));
    command->add_option("--treatment", options->treatment, "Of mail from what is listed")
        ->type_name("TREATMENT")
        ->check(CLI::IsMember({"refuse", "drop", "hold"}))
        ->capture_default_str();
  };
  const auto [import, options] =
      add("import", "Put a list in force, in place of what the feed set before", import_feed);
  add_list(import, options);
  import->add_flag("--may-shrink", options->may_shrink,
                   "Take a list of less than half of what is in force, too");
  import->add_flag("--dry-run", options->dry_run, "Say what would change, and change nothing");
  const auto [follow, follow_options] =
      add("follow", "Have the control process read a list now and again and again", follow_feed);
  add_list(follow, follow_options);
  follow->add_option("--every", follow_options->every, "How often it is read")
      ->type_name("DURATION")
      ->capture_default_str();
  follow->add_flag("--no-check", follow_options->no_check,
                   "Do not read it here first: only the control process can");
  const auto [leave, leave_options] =
      add("leave", "Read a followed list no more; its exclusions stay", leave_feed);
  add_name(leave, leave_options);
  const auto [remove, remove_options] =
      add("remove", "Take back all that a feed excluded", remove_feed);
  add_name(remove, remove_options);
  add("list", "Which feeds exclude how much, and how their last reading went", list_feeds);
  add_feed_export_command(*feed, exit_code);
}

}  // namespace postern::cli
