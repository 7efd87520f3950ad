#include "tests/wire/attack_plan.h"

#include <algorithm>
#include <array>

namespace postern::wire {
namespace {

constexpr std::string_view kGtube =
    "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";
constexpr std::string_view kWords[] = {
    "the",     "meeting", "moves", "to",    "monday", "please", "bring",   "figures", "of",
    "october", "printer", "works", "again", "thanks", "and",    "regards", "x",       "tomorrow"};

}  // namespace

Planner::Planner(uint64_t seed) : random_(seed) {
  constexpr std::array kTwins{0.1, 0.4, 0.9};
  twin_chance_ = kTwins[number(0, 2)];
  odd_chance_ = chance(0.6) ? 0.1 : 0;
  stray_chance_ = chance(0.6) ? 0.15 : 0;
  smuggles_ = chance(0.1);
  wild_ = chance(0.1);
}

std::string Planner::text(size_t octets) {
  std::string out;
  while (out.size() < octets) {
    if (chance(0.05)) out += chance(0.5) ? ".." : "..\r\n";
    const size_t words = number(1, 14);
    for (size_t i = 0; i < words; ++i) out.append(i == 0 ? "" : " ").append(kWords[number(0, 17)]);
    out += "\r\n";
  }
  return out;
}

std::string Planner::spam_line() { return std::string(kGtube) + "\r\n"; }

// Line ends stay where they are, so that both versions are mail; but the wild change those, too.
std::string Planner::changed(std::string_view honest) {
  std::string out(honest);
  if (wild_ && chance(0.3)) {
    for (char& c : out)
      c = static_cast<char>(number(0, 3) != 0 ? number(32, 126) : "\r\n.\0"[number(0, 3)]);
    return out;
  }
  if (smuggles_ && out.size() >= 12 && chance(0.3)) {
    mark(Attack::kSmuggledEnd);
    constexpr std::string_view kEnd = "\r\n.\r\nRSET\r\n";
    out.replace(number(0, out.size() - kEnd.size()), kEnd.size(), kEnd);
    return out;
  }
  size_t next = 0;
  const bool spam = out.size() > kGtube.size() && chance(0.3);
  for (char& c : out) {
    if (c == '\r' || c == '\n' || c == '.') continue;
    const char other = static_cast<char>(number('A', 'Z'));
    c = spam && next < kGtube.size() ? kGtube[next++] : c == other ? '!' : other;
  }
  return out;
}

void Planner::add_twins(std::vector<Shot>& shots, std::string_view stream, size_t begin,
                        size_t from, size_t to) {
  const size_t length = to - from;
  const auto other = [&](size_t a, size_t b) {
    return Shot{.at = static_cast<int64_t>(a), .payload = changed(stream.substr(a, b - a))};
  };
  const size_t reach = number(1, 60);
  Shot twin;
  switch (number(0, 5)) {
    case 0:
      mark(Attack::kOverlapEqual);
      twin = other(from, to);
      break;
    case 1: {
      mark(Attack::kOverlapInside);
      const size_t a = from + number(0, length - 1);
      twin = other(a, a + number(1, to - a));
      break;
    }
    case 2:
      mark(Attack::kOverlapAround);
      twin = other(from - std::min(reach, from - begin), std::min(to + reach, stream.size()));
      break;
    case 3:
      mark(Attack::kOverlapBefore);
      twin = other(from - std::min(reach, from - begin), from + number(1, length));
      break;
    case 4:
      mark(Attack::kOverlapAfter);
      twin = other(to - number(1, length), std::min(to + reach, stream.size()));
      break;
    default:
      // Octets that the receiver has already.
      mark(Attack::kChangedAfterAck);
      twin = other(begin, to);
      twin.wait_first = chance(0.3);
      if (twin.payload.size() > 1400) {
        twin.at += static_cast<int64_t>(twin.payload.size() - 1400);
        twin.payload.erase(0, twin.payload.size() - 1400);
      }
      break;
  }
  shots.push_back(oddly(std::move(twin)));
}

// Something by which one receiver takes the segment and another does not.
Shot Planner::oddly(Shot shot) {
  if (!chance(odd_chance_ * 4)) return shot;
  switch (number(0, 12)) {
    case 0:
      mark(Attack::kTcpChecksum);
      shot.oddity = Oddity::kTcpChecksum;
      break;
    case 1:
      mark(Attack::kIpChecksum);
      shot.oddity = Oddity::kIpChecksum;
      break;
    case 2:
      mark(Attack::kExpiresEarly);
      shot.oddity = Oddity::kExpiresEarly;
      break;
    case 3:
      mark(Attack::kMd5Option);
      shot.oddity = Oddity::kMd5Option;
      break;
    case 4:
      mark(Attack::kBrokenOption);
      shot.oddity = Oddity::kBrokenOption;
      break;
    case 5:
      mark(Attack::kTrailer);
      shot.oddity = Oddity::kTrailer;
      break;
    case 6:
      mark(Attack::kIpOptions);
      shot.oddity = Oddity::kIpOptions;
      break;
    case 7:
      mark(Attack::kAtomicFragment);
      shot.oddity = Oddity::kAtomicFragment;
      break;
    case 8:
      mark(Attack::kNoAck);
      shot.flags = kPsh;
      break;
    case 9:
      mark(Attack::kFutureAck);
      shot.ack_shift = 100'000;
      break;
    case 10:
      mark(Attack::kUrgent);
      shot.flags |= kUrg;
      shot.urgent = static_cast<uint16_t>(number(1, shot.payload.size() + 1));
      break;
    default:
      mark(Attack::kOldTimestamp);
      shot.old_timestamp = true;
      break;
  }
  return shot;
}

// A segment that has no business there.
Shot Planner::stray(std::string_view stream, size_t begin) {
  const auto somewhere = static_cast<int64_t>(number(begin, stream.size() - 1));
  switch (number(0, 6)) {
    case 0:
      mark(Attack::kResetOutside);
      return {.at = somewhere + (chance(0.5) ? 1 << 28 : -(1 << 28)), .flags = kRst | kAck};
    case 1:
      mark(Attack::kResetInside);
      return {.at = static_cast<int64_t>(stream.size()) + 20'000, .flags = kRst | kAck};
    case 2:
      mark(Attack::kFinOutside);
      return {.at = somewhere + (1 << 27), .payload = "bye", .flags = kFin | kAck};
    case 3:
      mark(Attack::kSynInside);
      return {.at = chance(0.5) ? somewhere : somewhere + (1 << 29), .flags = kSyn};
    case 4:
      mark(Attack::kSynAck);
      return {.at = somewhere, .flags = kSyn | kAck};
    case 5:
      mark(Attack::kWindowProbe);
      return {.at = static_cast<int64_t>(stream.size()) + (1 << 22), .payload = "p"};
    default:
      mark(Attack::kKeepAlive);
      return {.at = static_cast<int64_t>(begin) - 1,
              .payload = chance(0.5) ? std::string() : std::string("k"),
              .wait_first = chance(0.2)};
  }
}

void Planner::disturb_order(std::vector<Shot>& shots) {
  if (shots.size() < 2 || chance(0.25)) return;
  mark(Attack::kOutOfOrder);
  switch (number(0, 4)) {
    case 0:
      std::ranges::shuffle(shots, random_);
      break;
    case 1:
      std::ranges::reverse(shots);
      break;
    case 2:  // all but the first, then the first
      std::ranges::rotate(shots, shots.begin() + 1);
      break;
    case 3:
      for (size_t i = 0; i + 1 < shots.size(); i += 2) {
        if (chance(0.5)) std::swap(shots[i], shots[i + 1]);
      }
      break;
    default:
      for (size_t i = 0; i + 4 <= shots.size(); i += 4) {
        std::shuffle(shots.begin() + static_cast<long>(i), shots.begin() + static_cast<long>(i) + 4,
                     random_);
      }
      break;
  }
}

std::vector<Shot> Planner::attack(std::string_view stream, size_t begin, bool may_finish) {
  constexpr std::array<std::pair<size_t, size_t>, 4> kSizes{
      {{1, 1}, {2, 20}, {100, 600}, {1000, 1400}}};
  // One octet at a time only for a while: it is the slowest.
  const size_t style = number(0, 3);
  std::vector<Shot> shots;
  for (size_t at = begin; at < stream.size();) {
    const auto [least, most] = kSizes[style == 0 && at - begin > 200 ? 2 : style];
    const size_t end = std::min(stream.size(), at + number(least, most));
    if (end - at == 1) mark(Attack::kOneOctet);
    const bool before = chance(0.5), twin = chance(style == 0 ? twin_chance_ / 4 : twin_chance_);
    if (twin && before) add_twins(shots, stream, begin, at, end);
    shots.push_back(
        {.at = static_cast<int64_t>(at), .payload = std::string(stream.substr(at, end - at))});
    if (chance(odd_chance_)) shots.back() = oddly(std::move(shots.back()));
    if (twin && !before) add_twins(shots, stream, begin, at, end);
    if (at > begin && chance(0.05)) {
      // Sent again, cut elsewhere.
      mark(Attack::kResegmented);
      const size_t from = number(begin, at), to = std::min(end, from + 1400);
      const std::string_view again = stream.substr(from, to - from);
      shots.push_back({.at = static_cast<int64_t>(from),
                       .payload = chance(0.5) ? changed(again) : std::string(again)});
    }
    if (chance(stray_chance_)) shots.push_back(stray(stream, begin));
    at = end;
  }
  if (may_finish && chance(0.08)) {
    mark(Attack::kFinAhead);
    Shot& last = shots[number(0, shots.size() - 1)];
    last.flags |= kFin;
  }
  disturb_order(shots);
  return shots;
}

}  // namespace postern::wire
