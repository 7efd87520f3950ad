#include "dataplane/scan/evals/mail_date.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>

#include "dataplane/mime/ascii.h"

namespace postern::scan::evals {
namespace {

using mime::is_digit;

constexpr size_t kMostWords = 32;
constexpr size_t kNone = SIZE_MAX;

struct Zone {
  std::string_view name;
  int minutes;
};
constexpr int at(int hours, int minutes = 0) { return 60 * hours + minutes; }
constexpr std::array kZones{Zone{"UT", 0},           Zone{"UTC", 0},
                            Zone{"GMT", 0},          Zone{"WET", 0},
                            Zone{"NDT", -at(2, 30)}, Zone{"AST", -at(4)},
                            Zone{"ADT", -at(3)},     Zone{"NST", -at(3, 30)},
                            Zone{"EST", -at(5)},     Zone{"EDT", -at(4)},
                            Zone{"CST", -at(6)},     Zone{"CDT", -at(5)},
                            Zone{"MST", -at(7)},     Zone{"MDT", -at(6)},
                            Zone{"PST", -at(8)},     Zone{"PDT", -at(7)},
                            Zone{"HST", -at(10)},    Zone{"AKST", -at(9)},
                            Zone{"AKDT", -at(8)},    Zone{"HADT", -at(9)},
                            Zone{"HAST", -at(10)},   Zone{"BST", at(1)},
                            Zone{"IST", at(1)},      Zone{"WEST", at(1)},
                            Zone{"CET", at(1)},      Zone{"CEST", at(2)},
                            Zone{"EET", at(2)},      Zone{"EEST", at(3)},
                            Zone{"MSK", at(3)},      Zone{"MSD", at(4)},
                            Zone{"MET", at(1)},      Zone{"MEZ", at(1)},
                            Zone{"MEST", at(2)},     Zone{"MESZ", at(2)},
                            Zone{"BRST", -at(2)},    Zone{"BRT", -at(3)},
                            Zone{"AEST", at(10)},    Zone{"AEDT", at(11)},
                            Zone{"ACST", at(9, 30)}, Zone{"ACDT", at(10, 30)},
                            Zone{"AWST", at(8)},     Zone{"NZST", at(12)},
                            Zone{"NZDT", at(13)},    Zone{"JST", at(9)},
                            Zone{"KST", at(9)},      Zone{"HKT", at(8)},
                            Zone{"SGT", at(8)},      Zone{"PHT", at(8)},
                            Zone{"IDT", at(3)}};

constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};

// 1 to 12, or 0.
unsigned month_of(std::string_view word) {
  for (unsigned i = 0; i < 12; ++i) {
    if (mime::equals_ignoring_case(word, kMonths[i])) return i + 1;
  }
  return 0;
}

bool is_number(std::string_view word, size_t least, size_t most) {
  return word.size() >= least && word.size() <= most && std::ranges::all_of(word, is_digit);
}

int number(std::string_view word) {
  int value = 0;
  for (char c : word) value = std::min(10 * value + (c - '0'), 100'000);
  return value;
}

struct Clock {
  int hour = 0;
  int minute = 0;
  int second = 0;
};

// "h:mm" or "hh:mm:ss".
std::optional<Clock> clock_of(std::string_view word) {
  const size_t colon = word.find(':');
  if (colon == word.npos || !is_number(word.substr(0, colon), 1, 2)) return std::nullopt;
  const std::string_view rest = word.substr(colon + 1);
  const bool seconds = rest.size() == 5 && rest[2] == ':';
  if (!is_number(rest.substr(0, 2), 2, 2) || (rest.size() != 2 && !seconds)) return std::nullopt;
  if (seconds && !is_number(rest.substr(3), 2, 2)) return std::nullopt;
  return Clock{number(word.substr(0, colon)), number(rest.substr(0, 2)),
               seconds ? number(rest.substr(3)) : 0};
}

// Digits, colon, digits, colon, digits, however many.
bool looks_like_clock(std::string_view word) {
  return std::ranges::count(word, ':') == 2 && !word.empty() && is_digit(word.front()) &&
         is_digit(word.back()) && word.find("::") == word.npos &&
         std::ranges::all_of(word, [](char c) { return is_digit(c) || c == ':'; });
}

// Minutes east of UTC that the first word of two to four capitals names.
int named_zone(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto is_word = [](char c) { return mime::is_alnum(c) || c == '_'; };
    if (!is_word(text[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < text.size() && is_word(text[end])) ++end;
    const std::string_view word = text.substr(i, end - i);
    i = end;
    const bool capitals = word.size() >= 2 && word.size() <= 4 &&
                          std::ranges::all_of(word, [](char c) { return c >= 'A' && c <= 'Z'; });
    if (!capitals || text.substr(end).starts_with("-DST")) {
      if (capitals) return 0;
      continue;
    }
    const auto found = std::ranges::find(kZones, word, &Zone::name);
    return found == kZones.end() ? 0 : found->minutes;
  }
  return 0;
}

struct Day {
  int year = 0;
  unsigned month = 0;
  int day = 0;
  std::array<size_t, 4> words{kNone, kNone, kNone, kNone};  // that it was read from
};

std::optional<Day> find_day(std::span<const std::string_view> words) {
  const auto three = [&](size_t least, size_t most) -> std::optional<Day> {
    for (size_t i = 0; i + 2 < words.size(); ++i) {
      const unsigned month = month_of(words[i + 1]);
      if (month != 0 && is_number(words[i], 1, 9) && is_number(words[i + 2], least, most))
        return Day{number(words[i + 2]), month, number(words[i]), {i, i + 1, i + 2, kNone}};
    }
    return std::nullopt;
  };
  if (auto day = three(4, 4)) return day;
  for (size_t i = 0; i + 3 < words.size(); ++i) {
    const unsigned month = month_of(words[i]);
    if (month != 0 && is_number(words[i + 1], 1, 9) && looks_like_clock(words[i + 2]) &&
        is_number(words[i + 3], 4, 4)) {
      // The clock stays: a date in C's form is read without its time, as SpamAssassin has it.
      return Day{number(words[i + 3]), month, number(words[i + 1]), {i, i + 1, i + 2, i + 3}};
    }
  }
  auto day = three(2, 3);
  if (!day) return day;
  day->year += words[day->words[2]].size() == 2 && day->year < 50 ? 2000 : 1900;
  return day;
}

}  // namespace

std::optional<int64_t> parse_mail_date(std::string_view text) {
  std::array<std::string_view, kMostWords> room;
  size_t count = 0;
  const std::string_view whole = text;
  while (count < kMostWords) {
    const auto splits = [](char c) { return mime::is_space(c) || c == ','; };
    while (!text.empty() && splits(text[0])) text.remove_prefix(1);
    if (text.empty()) break;
    size_t end = 0;
    while (end < text.size() && !splits(text[end])) ++end;
    room[count++] = text.substr(0, end);
    text.remove_prefix(end);
  }
  const std::span words(room.data(), count);
  auto found = find_day(words);
  if (!found) return std::nullopt;
  Clock clock;
  int minutes_east = 0;
  bool has_clock = false;
  bool has_zone = false;
  for (size_t i = 0; i < count; ++i) {
    if (std::ranges::find(found->words, i) != found->words.end()) continue;
    const std::string_view word = words[i];
    if (const auto time = clock_of(word); time && !has_clock) {
      clock = *time;
      has_clock = true;
    } else if (!has_zone && word.size() == 5 && (word[0] == '+' || word[0] == '-') &&
               is_number(word.substr(1), 4, 4)) {
      has_zone = true;
      minutes_east = 60 * number(word.substr(1, 2)) + number(word.substr(3));
      if (word[0] == '-') minutes_east = -minutes_east;
    }
  }
  if (!has_zone) minutes_east = named_zone(whole);
  using std::chrono::year, std::chrono::month, std::chrono::day;
  const auto last = std::chrono::year_month_day_last(
      year(found->year), std::chrono::month_day_last(month(found->month)));
  if (found->day > static_cast<int>(static_cast<unsigned>(last.day()))) {
    found->day = 1;
    if (++found->month > 12) {
      found->month = 1;
      ++found->year;
    }
  }
  if (found->day == 0) return std::nullopt;
  const std::chrono::sys_days date(year(std::clamp(found->year, 1970, 2037)) / month(found->month) /
                                   day(static_cast<unsigned>(found->day)));
  const int64_t seconds = std::chrono::sys_seconds(date).time_since_epoch().count() +
                          3600 * std::min(clock.hour, 23) + 60 * std::min(clock.minute, 59) +
                          std::min(clock.second, 59);
  return std::max<int64_t>(0, seconds - int64_t{60} * minutes_east);
}

}  // namespace postern::scan::evals
