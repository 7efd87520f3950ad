#include "patterns/language/group_folding.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <iterator>
#include <map>
#include <vector>

#include "patterns/language/regexp.h"

namespace postern::language {
namespace {

constexpr size_t kLeastBytes = 32;  // of a group that is worth a call

struct Group {
  size_t begin = 0;  // of "(?:"
  size_t end = 0;    // behind ")"
  bool captures = false;
};

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

class Folding {
 public:
  explicit Folding(std::string_view pattern) : pattern_(pattern) {}

  std::string fold() {
    if (!read()) return {};
    for (const Group& group : groups_) {
      if (group.captures || group.end - group.begin < kLeastBytes) continue;
      ++times_[text_of(group)];
      // A repeated group is compiled for each time.
      if (group.end + 1 < pattern_.size() && pattern_[group.end] == '{' &&
          is_digit(pattern_[group.end + 1])) {
        ++times_[text_of(group)];
      }
    }
    std::string out = written(0, pattern_.size());
    if (bodies_.empty()) return {};
    out += "(?(DEFINE)";
    // Writing a body may find more of them.
    for (size_t i = 0; i < bodies_.size(); ++i) {
      const Group body = bodies_[i];
      fmt::format_to(std::back_inserter(out), "(?<f{}>{})", i,
                     written(body.begin + 3, body.end - 1));
    }
    return out + ")";
  }

 private:
  std::string_view text_of(const Group& group) const {
    return pattern_.substr(group.begin, group.end - group.begin);
  }

  // Finds the groups, by where they begin; false when the expression holds what forbids folding.
  bool read() {
    std::vector<size_t> open;  // indices of groups
    for (size_t i = 0; i < pattern_.size(); ++i) {
      const std::string_view rest = pattern_.substr(i);
      if (rest[0] == '\\') {
        constexpr std::string_view kForbidden = "123456789gkKQE";
        if (rest.size() < 2 || kForbidden.find(rest[1]) != std::string_view::npos) return false;
        ++i;
      } else if (rest[0] == '[') {
        i = class_end(pattern_, i) - 1;
      } else if (rest[0] == '(') {
        open.push_back(groups_.size());
        groups_.push_back({i, 0, !rest.starts_with("(?")});
        if (rest.starts_with("(*") || !is_plain(rest)) return false;
      } else if (rest[0] == ')') {
        if (open.empty()) return false;
        Group& group = groups_[open.back()];
        open.pop_back();
        group.end = i + 1;
        if (group.captures && !open.empty()) groups_[open.back()].captures = true;
        // Of the other kinds none is replaced, but what stands in them may be.
        if (!text_of(group).starts_with("(?:")) group.captures = true;
      }
    }
    return open.empty();
  }

  // A group that sets no option and is no comment, condition, call or name.
  static bool is_plain(std::string_view group) {
    constexpr std::array<std::string_view, 6> kPlain{"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"};
    if (!group.starts_with("(?")) return true;
    for (std::string_view kind : kPlain)
      if (group.starts_with(kind)) return true;
    return false;
  }

  // The text of the pattern from `begin` to `end`, calls in the place of what is worth one.
  std::string written(size_t begin, size_t end) {
    std::string out;
    size_t from = begin;
    for (const Group& group : groups_) {
      if (group.begin < from || group.end > end) continue;
      const auto found = times_.find(text_of(group));
      if (group.captures || found == times_.end() || found->second < 2) continue;
      out += pattern_.substr(from, group.begin - from);
      const auto [number, is_new] = numbers_.emplace(text_of(group), bodies_.size());
      if (is_new) bodies_.push_back(group);
      fmt::format_to(std::back_inserter(out), "(?&f{})", number->second);
      from = group.end;
    }
    out += pattern_.substr(from, end - from);
    return out;
  }

  std::string_view pattern_;
  std::vector<Group> groups_;
  std::map<std::string_view, size_t> times_;
  std::map<std::string_view, size_t> numbers_;
  std::vector<Group> bodies_;
};

}  // namespace

std::string fold_groups(std::string_view pattern) { return Folding(pattern).fold(); }

}  // namespace postern::language
