#include "control/cli/signatures/trial_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "control/cli/table.h"

namespace postern::cli {
namespace {

using nlohmann::json;

constexpr size_t kBarWidth = 24;
constexpr size_t kNameWidth = 36;
constexpr double kMegabyte = 1e6;

double percent(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

double per(double amount, double seconds) { return seconds > 0 ? amount / seconds : 0; }

double megabytes(const Figures& figures) {
  return static_cast<double>(figures.bytes[Kind::kHam] + figures.bytes[Kind::kSpam]) / kMegabyte;
}

bool has_both(const Figures& figures) {
  return figures.messages[Kind::kHam] > 0 && figures.messages[Kind::kSpam] > 0;
}

bool has_hit(const RuleFigures& rule) { return rule.hits[Kind::kHam] + rule.hits[Kind::kSpam] > 0; }

class Text {
 public:
  Text(const Report& report, size_t most, bool all)
      : report_(report),
        trial_(report.trial),
        figures_(report.figures),
        set_(report.set),
        most_(all ? SIZE_MAX : most),
        all_(all) {}

  std::string run() {
    summary();
    hits();
    idle_rules();
    false_positives();
    if (!trial_.messages.empty()) histogram();
    if (!trial_.messages.empty()) curve();
    return std::move(out_);
  }

 private:
  template <typename... Parts>
  void print(fmt::format_string<Parts...> format, Parts&&... parts) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Parts>(parts)...);
  }
  // A line whose last cell may be empty.
  template <typename... Parts>
  void print_row(fmt::format_string<Parts...> format, Parts&&... parts) {
    print(format, std::forward<Parts>(parts)...);
    out_.erase(out_.find_last_not_of(' ') + 1);
    out_ += '\n';
  }

  void print_rest(size_t shown, size_t of) {
    if (shown < of) print("  … {} more; --all lists them, --rules N that many\n", of - shown);
  }

  std::string refused(Kind kind, std::string_view name) const {
    const uint64_t all = figures_.messages[kind];
    return fmt::format("{} of {} {} ({:.2f} %)", figures_.refused[kind], all, name,
                       percent(figures_.refused[kind], all));
  }

  size_t sub_rules() const {
    return static_cast<size_t>(std::ranges::count_if(
        figures_.rules, [&](const RuleFigures& rule) { return is_sub_rule(set_, rule.rule); }));
  }

  void summary() {
    const size_t messages = trial_.messages.size();
    print("set        {}, {} rules and {} sub-rules, sha256 {}\n", printable(set_.name()),
          set_.rule_count() - sub_rules(), sub_rules(), set_.digest().substr(0, 16));
    print("messages   {} ham, {} spam, {:.1f} MB", figures_.messages[Kind::kHam],
          figures_.messages[Kind::kSpam], megabytes(figures_));
    if (!trial_.unreadable.empty()) print("; {} unreadable", trial_.unreadable.size());
    print("\nrefused    {}, {}, at the threshold of {:g}\n", refused(Kind::kHam, "ham"),
          refused(Kind::kSpam, "spam"), figures_.threshold);
    if (messages > 0) {
      print(
          "speed      {:.0f} messages/s, {:.1f} MB/s with {} thread{}; scanning takes {:.0f} µs a "
          "message\n",
          per(static_cast<double>(messages), trial_.seconds),
          per(megabytes(figures_), trial_.seconds), report_.jobs, report_.jobs == 1 ? "" : "s",
          1e6 * trial_.scan_seconds / static_cast<double>(messages));
    }
    if (figures_.confirmations_cut > 0) {
      print("cut short  {} searches came to the bound on their work and counted as no match\n",
            figures_.confirmations_cut);
    }
  }

  void hits_header() {
    print("{:>8} {:>8}  {:>6} {:>7}  {:>6} {:>7}  {:>5}  {:<{}}  {}\n", "gain", "score", "spam",
          "%", "ham", "%", "S/O", "rule", kNameWidth, "description");
  }

  void hits_line(const RuleFigures& rule) {
    print_row("{:>8} {:>8.3f}  {:>6} {:>7.2f}  {:>6} {:>7.2f}  {:>5}  {:<{}}  {}",
              rule.gain ? fmt::format("{:.3f}", *rule.gain) : "-",
              is_sub_rule(set_, rule.rule) ? 0.0 : set_.rule_score(rule.rule),
              rule.hits[Kind::kSpam], 100 * rule.spam_share, rule.hits[Kind::kHam],
              100 * rule.ham_share,
              rule.spam_over_all ? fmt::format("{:.3f}", *rule.spam_over_all) : "-",
              set_.rule_name(rule.rule), kNameWidth, printable(set_.rule_description(rule.rule)));
  }

  void list_hits(const std::vector<RuleFigures>& rules) {
    hits_header();
    const size_t shown = std::min(rules.size(), most_);
    for (size_t i = 0; i < shown; ++i) hits_line(rules[i]);
    print_rest(shown, rules.size());
  }

  void hits() {
    std::vector<RuleFigures> for_it, against;
    for (const RuleFigures& rule : figures_.rules) {
      if (!has_hit(rule) || (is_sub_rule(set_, rule.rule) && !all_)) continue;
      (rule.gain.value_or(0) < 0 ? against : for_it).push_back(rule);
    }
    const auto gain = [](const RuleFigures& rule) { return rule.gain.value_or(0); };
    const auto count = [](const RuleFigures& rule) {
      return rule.hits[Kind::kHam] + rule.hits[Kind::kSpam];
    };
    std::ranges::stable_sort(for_it, std::greater{}, count);
    if (has_both(figures_)) std::ranges::stable_sort(for_it, std::greater{}, gain);
    std::ranges::stable_sort(against, std::less{}, gain);
    if (!for_it.empty()) {
      print("\n{}\n", has_both(figures_)
                          ? "Rules that hit, by the points that they set spam apart from ham"
                          : "Rules that hit, the most frequent first");
      list_hits(for_it);
    }
    if (!against.empty()) {
      print("\nRules whose score speaks against what they hit\n");
      list_hits(against);
    }
  }

  void idle_rules() {
    size_t rules = 0, off = 0;
    std::vector<std::string_view> idle;
    for (const RuleFigures& rule : figures_.rules) {
      if (is_sub_rule(set_, rule.rule)) continue;
      ++rules;
      if (report_.off[rule.rule]) {
        ++off;
      } else if (!has_hit(rule)) {
        idle.push_back(set_.rule_name(rule.rule));
      }
    }
    print("\n{} of {} rules hit nothing{}", idle.size(), rules,
          idle.empty() || all_ ? "" : " (--all lists them)");
    if (off > 0) print("; {} cannot run here, or have a score of 0", off);
    print("\n");
    if (!all_) return;
    for (std::string_view name : idle) print("  {}\n", name);
  }

  // The rules that brought it there, the highest score first.
  std::string reasons(const Tried& message) const {
    std::vector<uint32_t> rules;
    for (uint32_t rule : message.rules) {
      if (!is_sub_rule(set_, rule) && set_.rule_score(rule) > 0) rules.push_back(rule);
    }
    std::ranges::stable_sort(rules, std::greater{}, [&](uint32_t r) { return set_.rule_score(r); });
    std::string out;
    for (uint32_t rule : rules) {
      fmt::format_to(std::back_inserter(out), "{}{} {:g}", out.empty() ? "" : ", ",
                     set_.rule_name(rule), set_.rule_score(rule));
    }
    return out;
  }

  void false_positives() {
    const auto& found = figures_.false_positives;
    if (figures_.messages[Kind::kHam] == 0) return;
    if (found.empty()) {
      print("\nNo ham would be refused\n");
      return;
    }
    print("\nHam that would be refused, by rule (decisive: the message would pass without it)\n");
    print("{:>8} {:>8}  {:>8}  {}\n", "messages", "decisive", "score", "rule");
    const size_t shown = std::min(figures_.blame.size(), most_);
    for (size_t i = 0; i < shown; ++i) {
      const Blame& entry = figures_.blame[i];
      print("{:>8} {:>8}  {:>8.3f}  {}\n", entry.messages, entry.decisive,
            set_.rule_score(entry.rule), set_.rule_name(entry.rule));
    }
    print_rest(shown, figures_.blame.size());
    print("\nHam that would be refused, by message\n");
    const size_t messages = std::min(found.size(), most_);
    for (size_t i = 0; i < messages; ++i) {
      const Tried& message = trial_.messages[found[i]];
      print("{:>8.3f}  {}\n          {}\n", message.score, printable(trial_.name_of(message), 1000),
            reasons(message));
    }
    print_rest(messages, found.size());
  }

  static std::string bar(double part, double widest) {
    const auto length = static_cast<size_t>(std::lround(part / widest * kBarWidth));
    return part > 0 && length == 0 ? "." : std::string(length, '#');
  }

  std::string bucket_name(size_t i) const {
    const double from = figures_.histogram[i].from;
    if (from <= kLowestBucket) return fmt::format("below {:g}", from + 1);
    if (from >= kHighestBucket) return fmt::format("{:g} and over", from);
    return fmt::format("{:g} to {:g}", from, from + 1);
  }

  void histogram() {
    double widest = 0;
    for (const Bucket& bucket : figures_.histogram) {
      for (Kind kind : {Kind::kHam, Kind::kSpam}) {
        widest = std::max(widest, percent(bucket.messages[kind], figures_.messages[kind]));
      }
    }
    print("\n{:>12}  {:>6} {:>7}  {:<{}}  {:>6} {:>7}\n", "score", "spam", "%", "", kBarWidth,
          "ham", "%");
    for (size_t i = 0; i < figures_.histogram.size(); ++i) {
      const Bucket& bucket = figures_.histogram[i];
      const double spam = percent(bucket.messages[Kind::kSpam], figures_.messages[Kind::kSpam]);
      const double ham = percent(bucket.messages[Kind::kHam], figures_.messages[Kind::kHam]);
      print_row("{:>12}  {:>6} {:>7.2f}  {:<{}}  {:>6} {:>7.2f}  {}", bucket_name(i),
                bucket.messages[Kind::kSpam], spam, bar(spam, widest), kBarWidth,
                bucket.messages[Kind::kHam], ham, bar(ham, widest));
    }
  }

  static std::string percents(const std::optional<double>& share) {
    return share ? fmt::format("{:.2f}", 100 * *share) : "-";
  }

  void curve() {
    print("\n{:>11}  {:>11} {:>7}  {:>12} {:>8}  {:>11}\n", "threshold", "ham refused", "%",
          "spam refused", "recall %", "precision %");
    for (const CurvePoint& point : figures_.curve) {
      const bool is_own = point.threshold == figures_.threshold;
      print("{:<2}{:>9.2f}  {:>11} {:>7.2f}  {:>12} {:>8}  {:>11}\n", is_own ? ">" : "",
            point.threshold, point.refused[Kind::kHam],
            percent(point.refused[Kind::kHam], figures_.messages[Kind::kHam]),
            point.refused[Kind::kSpam], percents(point.recall), percents(point.precision));
    }
  }

  const Report& report_;
  const Trial& trial_;
  const Figures& figures_;
  const scan::SignatureSet& set_;
  size_t most_;
  bool all_;
  std::string out_;
};

json number_or_null(const std::optional<double>& number) { return number ? json(*number) : json(); }

class Json {
 public:
  explicit Json(const Report& report)
      : report_(report), trial_(report.trial), figures_(report.figures), set_(report.set) {}

  json run() const {
    json out{
        {"set", {{"name", set_.name()}, {"digest", set_.digest()}, {"rules", set_.rule_count()}}},
        {"threshold", figures_.threshold},
        {"ham", kind(Kind::kHam)},
        {"spam", kind(Kind::kSpam)},
        {"unreadable", trial_.unreadable},
        {"confirmations_cut", figures_.confirmations_cut}};
    out["rules"] = list(figures_.rules, [&](const RuleFigures& rule) { return of_rule(rule); });
    out["false_positives"] =
        list(figures_.false_positives, [&](uint32_t index) { return message(index); });
    out["false_positives_by_rule"] = list(figures_.blame, [&](const Blame& entry) {
      return json{{"name", set_.rule_name(entry.rule)},
                  {"score", set_.rule_score(entry.rule)},
                  {"messages", entry.messages},
                  {"decisive", entry.decisive}};
    });
    out["missed_spam"] = list(figures_.missed, [&](uint32_t index) { return message(index); });
    out["histogram"] = list(figures_.histogram, [&](const Bucket& bucket) { return of(bucket); });
    out["curve"] = list(figures_.curve, [](const CurvePoint& point) {
      return json{{"threshold", point.threshold},
                  {"ham_refused", point.refused[Kind::kHam]},
                  {"spam_refused", point.refused[Kind::kSpam]},
                  {"precision", number_or_null(point.precision)},
                  {"recall", number_or_null(point.recall)}};
    });
    out["speed"] = speed();
    return out;
  }

 private:
  template <typename Items, typename Write>
  static json list(const Items& items, Write write) {
    json out = json::array();
    for (const auto& item : items) out.push_back(write(item));
    return out;
  }

  json kind(Kind kind) const {
    return {{"messages", figures_.messages[kind]},
            {"bytes", figures_.bytes[kind]},
            {"refused", figures_.refused[kind]}};
  }

  json of_rule(const RuleFigures& rule) const {
    const bool is_sub = is_sub_rule(set_, rule.rule);
    return {{"name", set_.rule_name(rule.rule)},
            {"score", is_sub ? json() : json(set_.rule_score(rule.rule))},
            {"description", set_.rule_description(rule.rule)},
            {"runs", !report_.off[rule.rule]},
            {"ham_hits", rule.hits[Kind::kHam]},
            {"spam_hits", rule.hits[Kind::kSpam]},
            {"ham_share", rule.ham_share},
            {"spam_share", rule.spam_share},
            {"s_o", number_or_null(rule.spam_over_all)},
            {"gain", number_or_null(rule.gain)}};
  }

  json message(uint32_t index) const {
    const Tried& tried = trial_.messages[index];
    json out{{"file", trial_.files[tried.file].path.string()},
             {"message", tried.message == 0 ? json() : json(tried.message)},
             {"score", tried.score},
             {"rules", json::array()}};
    for (uint32_t rule : tried.rules) {
      if (!is_sub_rule(set_, rule)) out["rules"].push_back(set_.rule_name(rule));
    }
    return out;
  }

  static json of(const Bucket& bucket) {
    const bool first = bucket.from <= kLowestBucket, last = bucket.from >= kHighestBucket;
    return {{"from", first ? json() : json(bucket.from)},
            {"below", last ? json() : json(bucket.from + 1)},
            {"ham", bucket.messages[Kind::kHam]},
            {"spam", bucket.messages[Kind::kSpam]}};
  }

  json speed() const {
    const auto messages = static_cast<double>(trial_.messages.size());
    return {
        {"seconds", trial_.seconds},
        {"jobs", report_.jobs},
        {"messages_per_second", per(messages, trial_.seconds)},
        {"megabytes_per_second", per(megabytes(figures_), trial_.seconds)},
        {"scan_microseconds_per_message", messages > 0 ? 1e6 * trial_.scan_seconds / messages : 0}};
  }

  const Report& report_;
  const Trial& trial_;
  const Figures& figures_;
  const scan::SignatureSet& set_;
};

}  // namespace

std::string to_text(const Report& report, size_t most, bool all) {
  return Text(report, most, all).run();
}

json to_json(const Report& report) { return Json(report).run(); }

}  // namespace postern::cli
