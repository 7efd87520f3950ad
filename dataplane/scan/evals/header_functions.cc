#include "dataplane/scan/evals/header_functions.h"

#include <algorithm>
#include <cmath>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/charset.h"
#include "dataplane/mime/host_name.h"
#include "dataplane/scan/evals/evaluation.h"
#include "dataplane/scan/evals/mail_date.h"

namespace postern::scan::evals {
namespace {

using mime::equals_ignoring_case;
using mime::find_ignoring_case;
using mime::is_alnum;
using mime::is_alpha;
using mime::is_space;
using mime::starts_ignoring_case;
using E = Expression;

std::string_view take_line(std::string_view& rest) {
  const size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

// Of the first of several dates that can be read; a Resent-Date's goes before.
std::optional<int64_t> date_of(HeaderTexts& headers) {
  std::optional<int64_t> time;
  for (Field field : {Field::kResentDate, Field::kDate}) {
    std::string_view rest = headers.get(field);
    while (!rest.empty()) {
      const std::string_view line = take_line(rest);
      if (!line.empty()) time = parse_mail_date(line);
      if (time) return time;
    }
  }
  return time;
}

// How far the date is ahead of when servers took the message, by the server that agrees most.
double date_difference(Facts& facts) {
  constexpr size_t kMost = 64;
  const auto date = date_of(facts.headers);
  if (!date) return 0;
  std::array<std::string_view, kMost> lines;
  size_t count = 0;
  std::string_view rest = facts.headers.get(Field::kReceived);
  while (!rest.empty() && count < kMost) {
    const std::string_view line = take_line(rest);
    if (!mime::trim(line).empty()) lines[count++] = line;
  }
  // What fetchmail wrote when it took the message out of a mailbox tells nothing of its way.
  size_t first = 0;
  const bool local = count > 0 && facts.search.found(E::kLocalhost, lines[0]);
  if (local) first = 1;
  if (first < count && facts.search.found(E::kFetchmail, lines[first])) {
    ++first;
  } else if (local) {
    first = 0;
  }
  std::array<int64_t, kMost> differences;
  size_t times = 0;
  for (size_t i = first; i < count; ++i) {
    if (!facts.search.found(E::kReceivedDate, lines[i])) continue;
    if (const auto time = parse_mail_date(facts.search.group(1)))
      differences[times++] = *date - *time;
  }
  if (times > 1 && differences[times - 1] == 0) --times;
  if (times == 0) return 0;
  return static_cast<double>(*std::ranges::min_element(
      differences.begin(), differences.begin() + static_cast<ptrdiff_t>(times), {},
      [](int64_t value) { return std::abs(value); }));
}

bool is_illegal(char c) {
  const auto octet = static_cast<uint8_t>(c);
  return octet >= 0x7f || (octet < 0x20 && c != '\t' && c != '\n' && c != '\r');
}

// The last two labels of an address's domain.
std::string_view second_level(std::string_view address) {
  address = address.substr(0, address.find('\n'));
  const size_t at = address.rfind('@');
  if (at == address.npos) return {};
  const std::string_view domain = address.substr(at + 1);
  const size_t last = domain.rfind('.');
  if (last == domain.npos || last == 0 || last + 1 == domain.size()) return domain;
  const size_t before = domain.rfind('.', last - 1);
  if (before == domain.npos || before == 0 || before + 1 == last) return domain;
  return domain.substr(before + 1);
}

bool is_word(char c) { return is_alnum(c) || c == '_'; }

// Whether a word begins or ends between text[at - 1] and text[at].
bool is_word_limit(std::string_view text, size_t at) {
  const bool before = at > 0 && is_word(text[at - 1]);
  const bool after = at < text.size() && is_word(text[at]);
  return before != after;
}

// "$": at the end, or before the line end there.
bool at_end(std::string_view text) { return text.empty() || text == "\n"; }

}  // namespace

bool shifted_date(const EvalRule& rule, Facts& facts) {
  constexpr double kHour = 3600;
  const double difference = date_difference(facts);
  return difference >= kHour * rule.numbers[0] && difference < kHour * rule.numbers[1];
}

bool outlook_message_id(const EvalRule&, Facts& facts) {
  if (!facts.search.found(E::kOutlookId, facts.headers.get(Field::kMessageId))) return false;
  double token = 0;
  for (char c : facts.search.group(1)) token = 16 * token + mime::hex_value(c);
  // The identifier holds the upper half of a count of 100 ns since 1601.
  const auto fits = [token](std::optional<int64_t> time) {
    constexpr double kTicks = 0.0023283064365387;
    constexpr double kOffset = 27111902.8329849;
    constexpr double kFudge = 250;
    const double expected = std::trunc(static_cast<double>(time.value_or(0)) * kTicks + kOffset);
    return std::abs(token - expected) < kFudge;
  };
  if (fits(parse_mail_date(facts.headers.get(Field::kDate)))) return false;
  std::string_view received = facts.headers.get(Field::kReceived);
  return !fits(parse_mail_date(received));
}

bool illegal_chars(const EvalRule& rule, Facts& facts) {
  const std::string_view text = facts.headers.find(rule.selector).value_or("");
  if (mime::trim(text).empty()) return false;
  const auto control = [](char c) {
    return static_cast<uint8_t>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  };
  const bool ascii = mime::ascii_prefix(text) == text.size();
  if (!ascii && mime::utf8_prefix(text) == text.size() && std::ranges::none_of(text, control))
    return false;
  auto illegal = std::ranges::count_if(text, is_illegal);
  // One pound, cent or registered sign of Latin-1 is no fault in a subject.
  if (illegal > 0 && rule.word == 1 && std::ranges::count_if(text, [](char c) {
                                         return c == '\xa2' || c == '\xa3' || c == '\xae';
                                       }) == 1) {
    --illegal;
  }
  const auto count = static_cast<double>(illegal);
  return count / static_cast<double>(text.size()) >= rule.numbers[1] && count >= rule.numbers[2];
}

bool subject_is_all_caps(const EvalRule&, Facts& facts) {
  std::string_view subject = mime::trim(facts.headers.get(Field::kSubject));
  if (facts.search.found(E::kReplyPrefix, subject)) subject.remove_prefix(facts.search.end());
  if (std::ranges::none_of(subject, is_space) || subject.size() < 10) return false;
  if (facts.search.found(E::kCaselessSubject, facts.headers.get(Field::kRawSubject))) return false;
  return std::ranges::any_of(subject, is_alpha) &&
         std::ranges::none_of(subject, [](char c) { return c >= 'a' && c <= 'z'; });
}

// Different values, not fields.
bool header_count_range(const EvalRule& rule, Facts& facts) {
  constexpr size_t kMost = 64;
  std::array<std::string_view, kMost> seen;
  size_t count = 0;
  std::string_view rest = facts.headers.find(rule.selector).value_or("");
  while (!rest.empty() && count < kMost) {
    const std::string_view line = take_line(rest);
    const auto end = seen.begin() + static_cast<ptrdiff_t>(count);
    if (std::find(seen.begin(), end, line) == end) seen[count++] = line;
  }
  const auto found = static_cast<double>(count);
  return found >= rule.numbers[1] && found <= rule.numbers[2];
}

bool to_in_subject(const EvalRule& rule, Facts& facts) {
  constexpr uint32_t kUser = 0;
  std::string_view to = facts.headers.get(Field::kToAddress);
  to = to.substr(0, to.find('\n'));
  if (to.empty()) return false;
  const std::string_view subject = facts.headers.get(Field::kSubject);
  if (rule.word != kUser) {
    for (size_t at = find_ignoring_case(subject, to); at != subject.npos;
         at = find_ignoring_case(subject, to, at + 1)) {
      if (is_word_limit(subject, at) && is_word_limit(subject, at + to.size())) return true;
    }
    return false;
  }
  const std::string_view user = to.substr(0, to.find('@'));
  const auto is_mark = [](std::string_view text, std::string_view marks) {
    return !text.empty() && marks.find(text[0]) != marks.npos;
  };
  // "user": alone; in its own letters before a mark; "Re: user", "Re: hello user"; ", user!"
  if (starts_ignoring_case(subject, user) && at_end(subject.substr(user.size()))) return true;
  if (subject.starts_with(user)) {
    std::string_view rest = subject.substr(user.size());
    while (!rest.empty() && is_space(rest[0])) rest.remove_prefix(1);
    if (is_mark(rest, ",:;!?-") && (rest.size() == 1 || is_space(rest[1]))) return true;
  }
  if (starts_ignoring_case(subject, "re:") || starts_ignoring_case(subject, "fw:")) {
    std::string_view rest = subject.substr(3);
    while (!rest.empty() && is_space(rest[0])) rest.remove_prefix(1);
    if (starts_ignoring_case(rest, user) && at_end(rest.substr(user.size()))) return true;
    size_t word = 0;
    while (word < rest.size() && is_word(rest[word])) ++word;
    std::string_view behind = rest.substr(word);
    while (!behind.empty() && is_space(behind[0])) behind.remove_prefix(1);
    if (word > 0 && behind.size() < rest.size() - word && starts_ignoring_case(behind, user) &&
        at_end(behind.substr(user.size()))) {
      return true;
    }
  }
  if (!subject.starts_with(',')) return false;
  std::string_view rest = subject.substr(1);
  while (!rest.empty() && is_space(rest[0])) rest.remove_prefix(1);
  return starts_ignoring_case(rest, user) && is_mark(rest.substr(user.size()), ",:;!?-") &&
         at_end(rest.substr(user.size() + 1));
}

bool unresolved_template(const EvalRule&, Facts& facts) {
  std::string_view rest = facts.headers.get(Field::kAll);
  while (!rest.empty()) {
    const std::string_view line = take_line(rest);
    if (facts.search.found(E::kTemplate, line) && !facts.search.found(E::kMayHoldTemplate, line))
      return true;
  }
  return false;
}

bool ratware_name_id(const EvalRule&, Facts& facts) {
  if (!facts.search.found(E::kRatwareId, facts.headers.get(Field::kMessageId))) return false;
  const std::string_view address = facts.search.group(1);
  // "name" <address>
  const std::string_view from = facts.headers.get(Field::kFrom);
  for (size_t at = from.find(address); at != from.npos; at = from.find(address, at + 1)) {
    if (at == 0 || from[at - 1] != '<' || !from.substr(at + address.size()).starts_with('>'))
      continue;
    std::string_view name = from.substr(0, at - 1);
    while (!name.empty() && is_space(name.back())) name.remove_suffix(1);
    if (!name.ends_with('"')) continue;
    name.remove_suffix(1);
    const size_t open = name.rfind('"');
    if (open != name.npos && open + 1 < name.size()) return true;
  }
  return false;
}

bool ratware_envelope_from(const EvalRule&, Facts& facts) {
  std::string_view to = facts.headers.get(Field::kToAddress);
  to = to.substr(0, to.find('\n'));
  const std::string_view from = facts.headers.get(Field::kEnvelopeFrom);
  const size_t at = to.find('@');
  if (from.empty() || at == to.npos || at == 0) return false;
  if (from.size() > 4 && starts_ignoring_case(from, "SRS") && mime::is_digit(from[3]) &&
      std::string_view("=+-").find(from[4]) != std::string_view::npos) {
    return false;
  }
  mime::HostName host;
  if (!mime::read_host(to.substr(at + 1), &host)) return false;
  const std::string_view domain = mime::registrable_domain(host);
  if (domain.empty()) return false;
  // "domain?user@" inside the envelope's address.
  const std::string_view user = to.substr(0, at);
  for (size_t i = find_ignoring_case(from, domain); i != from.npos;
       i = find_ignoring_case(from, domain, i + 1)) {
    const size_t behind = i + domain.size() + 1;
    if (is_word_limit(from, i) && behind < from.size() &&
        starts_ignoring_case(from.substr(behind), user) &&
        from.substr(behind + user.size()).starts_with('@')) {
      return true;
    }
  }
  return false;
}

bool missing_to(const EvalRule&, Facts& facts) {
  return facts.headers.get(Field::kTo).empty() && facts.headers.get(Field::kApparentlyTo).empty();
}

bool different_from_domains(const EvalRule&, Facts& facts) {
  const std::string_view from = second_level(facts.headers.get(Field::kFromAddress));
  const std::string_view envelope = second_level(facts.headers.get(Field::kEnvelopeFrom));
  return !from.empty() && !envelope.empty() && !equals_ignoring_case(from, envelope);
}

bool same_from(const EvalRule&, Facts& facts) {
  std::string_view from = facts.headers.get(Field::kFromAddress);
  from = from.substr(0, from.find('\n'));
  return equals_ignoring_case(from, facts.headers.get(Field::kEnvelopeFrom));
}

}  // namespace postern::scan::evals
