// What can be said only once every file is read: scores, flags, and what metas refer to.
#include <fmt/format.h>

#include <algorithm>

#include "patterns/language/reader.h"

namespace postern::language {
namespace {

constexpr double kDefaultScore = 1.0;
constexpr double kDefaultTestScore = 0.01;  // of rules on probation, T_…

// Those of SpamAssassin 4.0.1 and its plugins, whether they mean anything here or not.
bool is_flag(std::string_view flag) {
  constexpr std::string_view kFlags[] = {
      "a",        "autolearn_body", "autolearn_force", "concat",      "domains_only", "ips_only",
      "learn",    "lock",           "multiple",        "net",         "nice",         "noautolearn",
      "noawl",    "nolog",          "nosubject",       "notrim",      "ns",           "publish",
      "userconf", "welcomelist",    "whitelist",       "noblacklist", "nopublish"};
  return flag.empty() || flag.starts_with("maxhits=") || flag.starts_with("range=") ||
         std::ranges::find(kFlags, flag) != std::end(kFlags);
}

// "2", "2-", "-3" or "2-3".
void take_range(std::string_view text, HeaderSelector& selector) {
  const auto take_number = [&text](uint16_t otherwise) {
    unsigned value = 0;
    const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0) return otherwise;
    for (char c : text.substr(0, digits))
      value = std::min<unsigned>(10 * value + static_cast<unsigned>(c - '0'), UINT16_MAX);
    text.remove_prefix(digits);
    return static_cast<uint16_t>(value);
  };
  const bool has_first = !text.empty() && text[0] != '-';
  const uint16_t first = take_number(0);
  const bool is_range = text.starts_with('-');
  if (is_range) text.remove_prefix(1);
  const uint16_t last =
      take_number(has_first && !is_range ? first : uint16_t{HeaderSelector::kLastPart});
  if (!text.empty()) return;
  selector.first_part = first;
  selector.last_part = last;
}

}  // namespace

void Reader::apply_flags(Rule& rule, const Settings& settings) {
  const std::string& flags = settings.flags;
  bool nice = false;
  for (size_t begin = 0; begin < flags.size();) {
    const size_t end = std::min(flags.find_first_of(" \t", begin), flags.size());
    const std::string_view flag = std::string_view(flags).substr(begin, end - begin);
    begin = end + 1;
    if (!is_flag(flag)) {
      warn_at(settings.flags_place,
              fmt::format("tflags {}: unknown flag '{}', which does nothing; those that count here "
                          "are multiple, maxhits=N, nosubject and nice",
                          rule.name, flag));
    }
    if (flag == "nice") nice = true;
    if (flag == "multiple") rule.multiple = true;
    if (flag == "nosubject") rule.no_subject = true;
    if (rule.target == Target::kMimeHeader && flag == "concat") {
      rule.header.concatenated = true;
      if (rule.if_unset) rule.not_run = "tflags concat with [if-unset: …] is not followed";
    }
    if (rule.target == Target::kMimeHeader && flag.starts_with("range="))
      take_range(flag.substr(6), rule.header);
    if (flag.starts_with("maxhits=")) {
      uint32_t maximum = 0;
      for (char c : flag.substr(8)) {
        if (c < '0' || c > '9' || maximum > 1'000'000) break;
        maximum = 10 * maximum + static_cast<uint32_t>(c - '0');
      }
      rule.maximum_hits = maximum;
    }
  }
  if (nice) rule.score = -rule.score;
}

void Reader::apply_settings() {
  for (Rule& rule : set_.rules) {
    rule.score = rule.name.starts_with("T_") ? kDefaultTestScore : kDefaultScore;
    const auto found = settings_.find(rule.name);
    if (found == settings_.end()) continue;
    const Settings& settings = found->second;
    apply_flags(rule, settings);
    if (settings.has_score) rule.score = settings.score;
    rule.description = settings.description;
  }
  for (const auto& [name, settings] : settings_) {
    if (settings.has_score && !rule_index_.contains(name) && !skipped_names_.contains(name)) {
      place_ = settings.score_place;
      accept("score", "of a rule that is not defined");
    }
  }
}

// Scores, descriptions and flags of names that no rule bears.
void Reader::warn_of_strays() {
  for (const auto& [name, settings] : settings_) {
    if (rule_index_.contains(name) || skipped_names_.contains(name)) continue;
    const std::string_view what = settings.has_score              ? "score"
                                  : !settings.description.empty() ? "describe"
                                                                  : "tflags";
    warn_at(settings.place,
            fmt::format("{} {}: no rule has this name; is it spelt as the rule is?", what, name));
  }
  for (const Rule& rule : set_.rules) {
    for (const MetaToken& token : rule.meta) {
      if (token.op == MetaOperator::kRule && !token.is_glob &&
          skipped_names_.contains(token.rule) && !rule_index_.contains(token.rule)) {
        warn_at(rule.place,
                fmt::format("meta {} uses {}, which an if leaves out or which is not run "
                            "here: it counts as 0",
                            rule.name, token.rule));
      }
    }
  }
}

void Reader::make_host_lists() {
  for (const auto& [name, list] : host_list_of_rule_) {
    ListSource source;
    source.places = kInLinks;
    source.block = std::make_shared<const std::vector<uint64_t>>(host_lists_.block(list));
    set_.rules[rule_index_.at(name)].list = std::move(source);
  }
}

// SpamAssassin's kinds of rules that take tags: those with an expression of their own.
void Reader::expand_tags() {
  for (Rule& rule : set_.rules) {
    if (!tags_.rules.contains(rule.name) || rule.regexp.pattern.empty() ||
        rule.target == Target::kMimeHeader) {
      continue;
    }
    std::string expanded = tags_.expand(rule.regexp.pattern);
    if (expanded == rule.regexp.pattern) continue;
    auto regexp = check_regexp({std::move(expanded), rule.regexp.flags});
    if (!regexp && regexp.error().portable) {
      error_at(rule.place, fmt::format("{} {}: with its tags replaced: {}", name_of(rule.target),
                                       rule.name, regexp.error().what));
    } else if (!regexp) {
      rule.not_run = "with its tags replaced: " + regexp.error().what;
    } else {
      rule.regexp = std::move(*regexp);
    }
  }
}

// rules_matching(GLOB) becomes the sum of the rules it names, the meta itself excepted.
void Reader::expand_globs() {
  for (Rule& rule : set_.rules) {
    if (std::ranges::none_of(rule.meta, &MetaToken::is_glob)) continue;
    std::vector<MetaToken> expanded;
    for (MetaToken& token : rule.meta) {
      if (!token.is_glob) {
        expanded.push_back(std::move(token));
        continue;
      }
      expanded.push_back({MetaOperator::kNumber, 0, {}, false});
      for (const Rule& other : set_.rules) {
        if (other.name == rule.name || !glob_matches(token.rule, other.name)) continue;
        expanded.push_back({MetaOperator::kRule, 0, other.name, false});
        expanded.push_back({MetaOperator::kAdd, 0, {}, false});
      }
    }
    rule.meta = std::move(expanded);
  }
}

void Reader::check_metas() {
  enum class Mark : uint8_t { kNew, kOpen, kDone };
  std::vector<Mark> marks(set_.rules.size(), Mark::kNew);
  struct Step {
    uint32_t rule;
    size_t next_token;
  };
  for (uint32_t root = 0; root < set_.rules.size(); ++root) {
    if (marks[root] != Mark::kNew) continue;
    // Depth first, on a stack of our own: a chain of metas may be long.
    std::vector<Step> path{{root, 0}};
    marks[root] = Mark::kOpen;
    while (!path.empty()) {
      Step& step = path.back();
      const Rule& rule = set_.rules[step.rule];
      if (step.next_token >= rule.meta.size()) {
        marks[step.rule] = Mark::kDone;
        path.pop_back();
        continue;
      }
      const MetaToken& token = rule.meta[step.next_token++];
      if (token.op != MetaOperator::kRule) continue;
      const auto found = rule_index_.find(token.rule);
      if (found == rule_index_.end()) {
        if (!skipped_names_.contains(token.rule)) {
          error_at(rule.place,
                   fmt::format("meta {} uses {}, which no file defines; expected a rule's name",
                               rule.name, token.rule));
        }
        continue;
      }
      if (marks[found->second] == Mark::kDone) continue;
      if (marks[found->second] == Mark::kOpen) {
        std::string circle;
        for (auto i = std::ranges::find(path, found->second, &Step::rule); i != path.end(); ++i) {
          circle += set_.rules[i->rule].name + " → ";
        }
        error_at(rule.place, fmt::format("meta {} depends on itself: {}{}; expected no circle",
                                         rule.name, circle, token.rule));
        continue;
      }
      marks[found->second] = Mark::kOpen;
      path.push_back({found->second, 0});
    }
  }
}

}  // namespace postern::language
