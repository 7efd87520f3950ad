#include "patterns/language/review.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <tuple>

namespace postern::language {
namespace {

// What follows the atom at `i`: true when that is a repetition without an upper bound.
bool repeats_without_bound(std::string_view p, size_t i) {
  if (i >= p.size()) return false;
  if (p[i] == '*' || p[i] == '+') return true;
  if (p[i] != '{') return false;
  const size_t close = p.find('}', i);
  return close != p.npos && p[close - 1] == ',' && close > i + 2;
}

size_t after_class(std::string_view p, size_t open) {
  size_t i = open + 1;
  if (i < p.size() && p[i] == '^') ++i;
  if (i < p.size() && p[i] == ']') ++i;
  for (; i < p.size() && p[i] != ']'; ++i) {
    if (p[i] == '\\') ++i;
  }
  return std::min(i + 1, p.size());
}

// (…+…)+ : a matcher that backtracks may try exponentially many ways.
bool has_nested_repetition(std::string_view p) {
  std::vector<bool> repeats_inside;
  for (size_t i = 0; i < p.size();) {
    size_t next = i + 1;
    bool inner = false;
    if (p[i] == '\\') {
      next = std::min(i + 2, p.size());
    } else if (p[i] == '[') {
      next = after_class(p, i);
    } else if (p[i] == '(') {
      repeats_inside.push_back(false);
      i = next;
      continue;
    } else if (p[i] == ')' && !repeats_inside.empty()) {
      inner = repeats_inside.back();
      repeats_inside.pop_back();
      if (inner && !repeats_inside.empty()) repeats_inside.back() = true;
    }
    if (repeats_without_bound(p, next)) {
      // A possessive repetition gives nothing back.
      const bool possessive = next + 1 < p.size() && p[next + 1] == '+';
      if (inner && !possessive) return true;
      if (!repeats_inside.empty() && !possessive) repeats_inside.back() = true;
      if (p[next] != '{') next += possessive ? 2 : 1;
    }
    i = next;
  }
  return false;
}

// ".*x" finds what "x" finds, after a run over the whole text from each place.
bool begins_with_anything(const Regexp& regexp) {
  const std::string_view p = regexp.pattern;
  if (!p.starts_with(".*") && !p.starts_with(".+")) return false;
  return p.size() > 2 && p[2] != '+';
}

// Without (?m): "$" that a character must follow, "^" that one must precede. Only plain sequences
// at the top are looked at, and only letters and digits count as characters.
bool anchors_contradict(const Regexp& regexp) {
  if (regexp.flags & (kMultiline | kExtended)) return false;
  const std::string_view p = regexp.pattern;
  if (p.find_first_of("|(") != p.npos) return false;
  const auto is_plain = [&](size_t i) {
    if (i >= p.size() || !std::isalnum(static_cast<unsigned char>(p[i]))) return false;
    return i + 1 >= p.size() || (p[i + 1] != '*' && p[i + 1] != '?' && p[i + 1] != '{');
  };
  for (size_t i = 0; i < p.size();) {
    if (p[i] == '\\') {
      i += 2;
      continue;
    }
    if (p[i] == '[') {
      i = after_class(p, i);
      continue;
    }
    if (p[i] == '$' && is_plain(i + 1)) return true;
    if (p[i] == '^' && i > 0 && is_plain(i - 1) && (i < 2 || p[i - 2] != '\\')) return true;
    ++i;
  }
  return false;
}

// A line end that a letter or digit must follow, as a sequence at the top.
bool looks_over_line_ends(const Regexp& regexp) {
  const std::string_view p = regexp.pattern;
  if (p.find_first_of("|(") != p.npos) return false;
  for (size_t i = 0; i + 2 < p.size(); ++i) {
    if (p[i] != '\\') continue;
    const char c = p[i + 2];
    if (p[i + 1] == 'n' && std::isalnum(static_cast<unsigned char>(c)) &&
        (i + 3 == p.size() || (p[i + 3] != '*' && p[i + 3] != '?' && p[i + 3] != '{'))) {
      return true;
    }
    ++i;
  }
  return false;
}

// "^Subject: …" of the value that stands behind the colon.
bool begins_with_own_name(const Rule& rule) {
  if (rule.target != Target::kHeader || rule.header.source != HeaderSelector::Source::kField)
    return false;
  std::string_view p = rule.regexp.pattern;
  if (!p.starts_with('^')) return false;
  p.remove_prefix(1);
  if (p.size() <= rule.header.field.size() || p[rule.header.field.size()] != ':') return false;
  return std::ranges::equal(p.substr(0, rule.header.field.size()), rule.header.field,
                            [](unsigned char a, unsigned char b) { return std::tolower(a) == b; });
}

class Review {
 public:
  explicit Review(const RuleSet& set) : set_(set) {}

  std::vector<Remark> run() {
    for (const Rule& rule : set_.rules) {
      if (!rule.not_run.empty()) {
        add(RemarkKind::kNotRun, rule, "is not run here and counts as 0: " + rule.not_run);
      } else if (rule.target == Target::kMeta) {
        look_at_meta(rule);
      } else if (has_expression(rule)) {
        look_at_expression(rule);
        look_for_twin(rule);
      }
    }
    return std::move(remarks_);
  }

 private:
  void add(RemarkKind kind, const Rule& rule, std::string what) {
    remarks_.push_back({kind, rule.name, rule.place, rule.name + " " + std::move(what)});
  }

  static bool has_expression(const Rule& rule) {
    return !rule.exists && rule.eval.function.empty() && rule.target != Target::kList;
  }

  void look_at_meta(const Rule& rule) {
    if (rule.meta.size() != 1 || rule.meta[0].op != MetaOperator::kNumber) return;
    if (rule.meta[0].number == 0) {
      if (!rule.is_sub_rule())
        add(RemarkKind::kNeverMatches, rule, "is a meta of 0: it never hits");
    } else {
      add(RemarkKind::kAlwaysMatches, rule, "is a meta of a number: it hits every message");
    }
  }

  void look_at_expression(const Rule& rule) {
    const bool negated = rule.negated;
    if (anchors_contradict(rule.regexp)) {
      add(negated ? RemarkKind::kAlwaysMatches : RemarkKind::kNeverMatches, rule,
          "has a character behind '$' or before '^': nothing matches it; write \\$ or \\^ for the "
          "character, or the flag m for line ends");
    } else if (begins_with_own_name(rule)) {
      add(negated ? RemarkKind::kAlwaysMatches : RemarkKind::kNeverMatches, rule,
          fmt::format("looks for '{}:' at the beginning of that field's value, which comes behind "
                      "it; take it away",
                      rule.header.field));
    } else if (rule.target == Target::kBody && looks_over_line_ends(rule.regexp)) {
      add(RemarkKind::kNeverMatches, rule,
          "wants text behind a line end, but body rules see one paragraph at a time, its lines "
          "joined by blanks; write \\s for \\n, or a meta of two rules");
    } else if (rule.regexp.pattern.empty()) {
      add(negated ? RemarkKind::kNeverMatches : RemarkKind::kAlwaysMatches, rule,
          "has nothing between its delimiters, which matches every text");
    } else if (matches(rule.regexp, "") && matches_anywhere(rule.regexp)) {
      add(negated ? RemarkKind::kNeverMatches : RemarkKind::kAlwaysMatches, rule,
          "matches the empty text, and most likely every text; take the last '*' or '?' away that "
          "need not be there");
    }
    if (has_nested_repetition(rule.regexp.pattern)) {
      add(RemarkKind::kDear, rule,
          "repeats a repetition, as (a+)+ does: slow on texts that nearly match; bound the inner "
          "one, "
          "or make it possessive: (a++)+");
    } else if (begins_with_anything(rule.regexp)) {
      add(RemarkKind::kDear, rule,
          "begins with '.*' or '.+', which costs time and finds nothing more in most cases; leave "
          "it "
          "away, or write '.' for at least one character");
    }
  }

  // /^$/ matches the empty text and no other: such texts are tried, too.
  static bool matches_anywhere(const Regexp& regexp) {
    for (std::string_view text : {"a", "Z9", " ", "\n", "-\xff", "a b\nc"}) {
      if (!matches(regexp, text)) return false;
    }
    return true;
  }

  void look_for_twin(const Rule& rule) {
    const Key key{rule.target,       to_string(rule.header), rule.regexp.pattern,
                  rule.regexp.flags, rule.negated,           rule.if_unset.value_or(""),
                  rule.multiple,     rule.maximum_hits,      rule.no_subject};
    const auto [entry, is_new] = twins_.emplace(key, &rule);
    if (is_new) return;
    const Place& other = entry->second->place;
    add(RemarkKind::kDuplicate, rule,
        fmt::format("asks what {} asks ({}:{}); keep one and name it in metas", entry->second->name,
                    set_.files[other.file].path, other.line));
  }

  using Key = std::tuple<Target, std::string, std::string, uint32_t, bool, std::string, bool,
                         uint32_t, bool>;
  const RuleSet& set_;
  std::map<Key, const Rule*> twins_;
  std::vector<Remark> remarks_;
};

}  // namespace

std::vector<Remark> review(const RuleSet& set) { return Review(set).run(); }

}  // namespace postern::language
