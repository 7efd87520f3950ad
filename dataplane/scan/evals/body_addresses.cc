#include "dataplane/scan/evals/body_addresses.h"

#include <algorithm>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/host_name.h"

namespace postern::scan::evals {
namespace {

constexpr size_t kNowhere = std::string_view::npos;
constexpr size_t kLongestUser = 64;
constexpr size_t kLongestLabel = 61;
constexpr int kMostLabels = 4;  // before the top level domain

bool is_atom(char c) {
  return mime::is_alnum(c) ||
         (c != '\0' && std::string_view("!#$%&'*+/=?^_`{|}~-").find(c) != kNowhere);
}

// Where the names before text[at] begin, an "@": the first that leaves them short enough, and the
// last; both kNowhere when there is none.
struct UserBegin {
  size_t first = kNowhere;
  size_t last = kNowhere;
};
UserBegin user_before(std::string_view text, size_t at, size_t from) {
  UserBegin begin;
  size_t end = at;
  while (end > from && is_atom(text[end - 1])) {
    while (end > from && is_atom(text[end - 1])) --end;
    if (at - end > kLongestUser) break;
    begin.first = end;
    if (begin.last == kNowhere) begin.last = end;
    if (end == from || text[end - 1] != '.') break;
    --end;
  }
  return begin;
}

bool is_label(char c) { return mime::is_alnum(c) || c == '-'; }

// Where the host that begins at text[at] ends; kNowhere when none does.
size_t host_end(std::string_view text, size_t at) {
  int labels = 0;
  while (true) {
    size_t end = at;
    while (end < text.size() && is_label(text[end])) ++end;
    const std::string_view label = text.substr(at, end - at);
    if (label.empty()) return kNowhere;
    const bool more = end + 1 < text.size() && text[end] == '.' && mime::is_alnum(text[end + 1]);
    if (!more) return labels > 0 && mime::is_top_level_domain(label) ? end : kNowhere;
    if (label.size() > kLongestLabel || label.front() == '-' || label.back() == '-' ||
        ++labels > kMostLabels) {
      return kNowhere;
    }
    at = end + 1;
  }
}

// The first link that holds an address: "http://", then "@" or "%40" within 255 octets that are no
// white space, and up to 255 more.
struct Link {
  size_t begin = kNowhere;
  size_t end = 0;
};
Link link_with_address(std::string_view text) {
  constexpr size_t kLongest = 255;
  for (size_t at = text.find("://"); at != kNowhere; at = text.find("://", at + 3)) {
    const std::string_view before = text.substr(0, at);
    const size_t name = mime::ends_ignoring_case(before, "https") ? 5 : 4;
    if (name == 4 && !mime::ends_ignoring_case(before, "http")) continue;
    const size_t begin = at + 3;
    size_t found = 0;
    size_t i = begin;
    for (; i < text.size() && i <= begin + kLongest && !mime::is_space(text[i]); ++i) {
      if (text[i] == '@') found = i + 1;
      if (text.substr(i).starts_with("%40")) found = i + 3;
    }
    if (found == 0) continue;
    size_t end = found;
    while (end < text.size() && end < found + kLongest && !mime::is_space(text[end])) ++end;
    const bool open = at > name && text[at - name - 1] == '<';
    return {at - name - (open ? 1 : 0), end};
  }
  return {};
}

// Whether an address that ends there is a sender's: "…> " or "… wrote:".
bool is_quoted(std::string_view behind) {
  if (behind.starts_with('>')) return true;
  constexpr size_t kMostBlanks = 10;
  size_t blanks = 0;
  while (blanks < behind.size() && mime::is_space(behind[blanks])) ++blanks;
  if (blanks == 0 || blanks > kMostBlanks) return false;
  behind.remove_prefix(blanks);
  for (std::string_view word : {"fax", "facsi", "tel", "phone", "mail", "email", "e-mail"})
    if (mime::starts_ignoring_case(behind, word)) return false;
  size_t letters = 0;
  while (letters < behind.size() && mime::is_alpha(behind[letters])) ++letters;
  return letters >= 2 && letters <= 11 && behind.substr(letters).starts_with(':');
}

}  // namespace

void BodyAddresses::add(std::string_view address, bool shown, bool counts) {
  mime::FixedText<BodyAddress::kBytes> lower;
  for (char c : address) lower.append(mime::to_lower(c));
  const auto end = addresses_.begin() + static_cast<ptrdiff_t>(count_);
  auto known = std::find_if(addresses_.begin(), end, [&](const BodyAddress& each) {
    return each.text.view() == lower.view();
  });
  if (known == end) {
    if (count_ == kMost) return;
    ++count_;
    known->text = lower;
    known->shown = known->counts = false;
  }
  known->shown |= shown;
  known->counts |= counts;
}

void BodyAddresses::stretch(std::string_view text) {
  constexpr std::string_view kMailTo = "mailto:";
  size_t from = 0;
  for (size_t at = text.find('@'); at != kNowhere; at = text.find('@', at + 1)) {
    const UserBegin user = user_before(text, at, from);
    if (user.first == kNowhere) continue;
    const size_t end = host_end(text, at + 1);
    if (end == kNowhere) continue;
    // Behind "mailto:" brackets say nothing, unless the name has a dot, behind which a shorter
    // one begins.
    const bool linked =
        mime::ends_ignoring_case(text.substr(0, user.first), kMailTo) && user.first == user.last;
    add(text.substr(user.first, end - user.first), true, linked || !is_quoted(text.substr(end)));
    from = end;
    at = end - 1;
  }
}

void BodyAddresses::paragraph(std::string_view text) {
  if (text.find('@') == kNowhere) return;
  for (Link link = link_with_address(text); link.begin != kNowhere;
       link = link_with_address(text)) {
    stretch(text.substr(0, link.begin));
    text.remove_prefix(link.end);
  }
  stretch(text);
}

void BodyAddresses::link(std::string_view text) {
  const size_t at = text.find('@');
  if (at == kNowhere || user_before(text, at, 0).first != 0) return;
  const size_t end = host_end(text, at + 1);
  if (end != kNowhere) add(text.substr(0, end), false, end < text.size());
}

}  // namespace postern::scan::evals
