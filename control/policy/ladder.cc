#include "control/policy/ladder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/duration.h"

namespace postern::policy {
namespace {

using ledger::Step;

constexpr double kMostAllowance = 20;
constexpr uint64_t kVolumeSpan_s = 3600;
// Below so many messages in an hour no volume is strange.
constexpr uint64_t kSmallVolume = 100;

double allowance_for(const Volume& volume, const Settings& settings) {
  if (settings.large_sender == 0) return 1;
  const double times =
      static_cast<double>(volume.messages_per_day) / static_cast<double>(settings.large_sender);
  return std::clamp(times, 1.0, kMostAllowance);
}

uint64_t scaled(uint64_t count, double allowance) {
  return static_cast<uint64_t>(std::ceil(static_cast<double>(count) * allowance));
}

std::string in(uint64_t window_s) {
  return "in " + format_duration(std::chrono::seconds(window_s));
}

// Why the rung is stepped on; empty: it is not.
std::string why(const Rung& rung, const Counts& counts, double allowance) {
  const auto reached = [&](uint64_t count, uint64_t needed) {
    return needed != 0 && count >= scaled(needed, allowance);
  };
  const double share = counts.messages == 0 ? 0
                                            : static_cast<double>(counts.spam) /
                                                  static_cast<double>(counts.messages);
  const std::string window = in(rung.window_s);
  if (reached(counts.spam, rung.spam) && share >= rung.share) {
    return fmt::format("{} different spam messages {}, {:.0f} % of {}", counts.spam, window,
                       100 * share, counts.messages);
  }
  if (reached(counts.attempts, rung.attempts))
    return fmt::format("{} attempts {} although it is blocked", counts.attempts, window);
  if (reached(counts.rejected, rung.rejected))
    return fmt::format("{} recipients {} that do not exist or were not taken", counts.rejected,
                       window);
  if (reached(counts.null_senders, rung.null_senders))
    return fmt::format("{} messages {} with an empty sender", counts.null_senders, window);
  if (reached(counts.failed_logins, rung.failed_logins))
    return fmt::format("{} failed logins {}", counts.failed_logins, window);
  return "";
}

std::string volume_reason(const Rung& rung, uint64_t last_hour, const Volume& volume) {
  if (rung.volume == 0 || volume.messages_per_day == 0 || last_hour < kSmallVolume) return "";
  const double usual = static_cast<double>(volume.messages_per_day) / 24;
  const double times = static_cast<double>(last_hour) / usual;
  if (times < rung.volume) return "";
  return fmt::format("{} messages in an hour, {:.0f} times what it sends usually", last_hour,
                     times);
}

bool is_for_parts(Step step) {
  return step == Step::kObserve || step == Step::kHold || step == Step::kBlock;
}

// The parts that separate the guilty from the rest in this window: users before addresses; none:
// nothing does. Of what is not of parts that are blocked by themselves.
std::vector<SenderPart> separating(const ServerWindow& window, const Settings& settings,
                                   const std::vector<SenderPart>& blocked, uint64_t window_s,
                                   uint64_t now_s) {
  const uint64_t all = window.whole(window_s, now_s, blocked).spam;
  if (all == 0) return {};
  const auto parts = window.parts(window_s, now_s, blocked);
  for (const auto kind : {SenderPart::Kind::kUser, SenderPart::Kind::kFrom}) {
    std::vector<SenderPart> chosen;
    uint64_t spam = 0;
    for (const auto& [part, n] : parts) {
      if (part.kind() != kind || chosen.size() == settings.most_parts) continue;
      chosen.push_back(part);
      spam += n;
      if (static_cast<double>(spam) >= settings.separation * static_cast<double>(all))
        return chosen;
    }
  }
  return {};
}

}  // namespace

std::vector<Finding> judge(const ServerWindow& window, const Volume& volume,
                           const Settings& settings, const std::vector<SenderPart>& blocked,
                           uint64_t now_s) {
  const double allowance = allowance_for(volume, settings);
  std::vector<Finding> out;
  const auto add = [&](const SenderPart& part, const Rung& rung, std::string reason) {
    const auto same =
        std::ranges::find_if(out, [&](const Finding& finding) { return finding.part == part; });
    Finding finding{part, rung.step, rung.holds_for_s, std::move(reason)};
    if (same == out.end()) {
      out.push_back(std::move(finding));
    } else if (same->step < rung.step) {
      *same = std::move(finding);
    }
  };
  for (const Rung& rung : settings.ladder) {
    if (!rung.enabled) continue;
    std::vector<SenderPart> apart = separating(window, settings, blocked, rung.window_s, now_s);
    apart.insert(apart.end(), blocked.begin(), blocked.end());
    if (is_for_parts(rung.step)) {
      for (const SenderPart& part : apart) {
        // A part's volume is not known: it is asked for the plain counts.
        if (std::string reason = why(rung, window.part(part, rung.window_s, now_s), 1);
            !reason.empty())
          add(part, rung, std::move(reason));
      }
    }
    std::string reason = why(rung, window.whole(rung.window_s, now_s, apart), allowance);
    if (reason.empty()) {
      reason = volume_reason(rung, window.whole(kVolumeSpan_s, now_s, apart).messages, volume);
    }
    if (!reason.empty()) add({}, rung, std::move(reason));
  }
  return out;
}

}  // namespace postern::policy
