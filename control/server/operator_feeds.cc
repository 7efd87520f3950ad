#include <algorithm>
#include <filesystem>
#include <map>

#include "control/channel/treatment.h"
#include "control/feeds/list_source.h"
#include "control/ledger/all_verdicts.h"
#include "control/server/answers.h"
#include "control/server/clock.h"
#include "control/server/feed_imports.h"
#include "control/server/operator.h"

namespace postern::server {
namespace {

using namespace channel::v1;

constexpr std::string_view kNameRule =
    "a feed's name has letters, digits, '-', '_' and '.', at most 60";

// Nothing: what a feed lists cannot be treated so.
std::optional<Treatment> treatment_of_listed(Treatment asked) {
  switch (asked) {
    case TREATMENT_UNSPECIFIED:
      return TREATMENT_REFUSE;
    case TREATMENT_REFUSE:
    case TREATMENT_DROP:
    case TREATMENT_HOLD:
      return asked;
    default:
      return std::nullopt;
  }
}

void describe(const ledger::FeedSource& source, FollowedFeed* out) {
  out->set_format(source.format);
  out->set_path(source.path);
  out->set_treatment(channel::parse_treatment(source.treatment).value_or(TREATMENT_UNSPECIFIED));
  out->set_every_s(source.every_s);
  out->set_read_unix_s(source.read_unix_s);
  out->set_imported_unix_s(source.imported_unix_s);
  out->set_published_unix_s(source.published_unix_s);
  out->set_entries(source.entries);
  out->set_problem(source.problem);
}

}  // namespace

grpc::Status Operator::ImportFeed(grpc::ServerContext*, const ImportFeedRequest* request,
                                  ImportFeedReply* reply) {
  if (!is_feed_name(request->name())) return invalid(std::string(kNameRule));
  const auto treatment = treatment_of_listed(request->treatment());
  if (!treatment) return invalid("what a feed lists is refused, dropped or held");
  FeedImport feed{.name = request->name(),
                  .treatment = *treatment,
                  .may_shrink = request->may_shrink(),
                  .only_tell = request->only_tell()};
  for (const FeedEntry& entry : request->entries()) {
    const auto prefix = IpPrefix::parse(entry.prefix());
    if (!prefix) return invalid(prefix.error());
    feed.entries.push_back({*prefix, entry.excluded(), entry.reference()});
  }
  auto done = feeds_.import(feed);
  if (!done) return done.error().is_the_list ? invalid(done.error().why) : broken(done.error().why);
  *reply = std::move(*done);
  return grpc::Status::OK;
}

grpc::Status Operator::FollowFeed(grpc::ServerContext*, const FollowFeedRequest* request,
                                  FollowFeedReply*) {
  constexpr uint32_t kLeast = 60, kMost = 30 * 24 * 3600;
  const FollowedFeed& feed = request->feed();
  if (!is_feed_name(request->name())) return invalid(std::string(kNameRule));
  const auto treatment = treatment_of_listed(feed.treatment());
  if (!treatment) return invalid("what a feed lists is refused, dropped or held");
  if (!feeds::parse_format(feed.format())) return invalid("no format is called " + feed.format());
  const bool is_download = feeds::is_download(feed.path());
  if (is_download) {
    if (std::string objection = feeds::objection_to_download(feed.path()); !objection.empty())
      return invalid(std::move(objection));
    if (feed.every_s() < feeds::kLeastBetweenDownloads_s)
      return invalid(
          "who publishes a list is asked for it once an hour at the most: give --every 1h");
  } else if (!std::filesystem::path(feed.path()).is_absolute() ||
             std::ranges::any_of(feed.path(), is_control)) {
    return invalid("the file must be named with its whole path, beginning with '/'");
  }
  if (feed.every_s() < kLeast || feed.every_s() > kMost)
    return invalid("a feed is read every minute at the most, and every 30 days at the least");
  const auto followed =
      ledger_.feeds().follow({.name = request->name(),
                              .format = feed.format(),
                              .path = feed.path(),
                              .treatment = std::string(channel::treatment_name(*treatment)),
                              .every_s = feed.every_s()},
                             request->author(), unix_s());
  if (!followed) return broken(followed.error());
  feeds_.look();
  return grpc::Status::OK;
}

grpc::Status Operator::LeaveFeed(grpc::ServerContext*, const LeaveFeedRequest* request,
                                 LeaveFeedReply*) {
  const auto left = ledger_.feeds().leave(request->name(), request->author(), unix_s());
  if (!left) return broken(left.error());
  if (!*left) return {grpc::StatusCode::NOT_FOUND, "no feed of that name is followed"};
  return grpc::Status::OK;
}

grpc::Status Operator::ListFeeds(grpc::ServerContext*, const ListFeedsRequest*,
                                 ListFeedsReply* reply) {
  std::map<std::string, FeedState> states;
  const auto all = ledger::for_each_verdict(ledger_, [&](const ledger::Verdict& verdict) {
    if (!verdict.author.starts_with(kFeedAuthor)) return;
    FeedState& state = states[verdict.author.substr(kFeedAuthor.size())];
    state.set_ranges(state.ranges() + 1);
    state.set_changed_unix_s(std::max<uint64_t>(state.changed_unix_s(), verdict.set_unix_s));
  });
  if (!all) return broken(all.error());
  const auto followed = ledger_.feeds().all();
  if (!followed) return broken(followed.error());
  for (const ledger::FeedSource& source : *followed)
    describe(source, states[source.name].mutable_followed());
  for (auto& [name, state] : states) {
    state.set_name(name);
    *reply->add_feeds() = std::move(state);
  }
  return grpc::Status::OK;
}

}  // namespace postern::server
