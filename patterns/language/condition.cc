#include "patterns/language/condition.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "patterns/language/eval_function.h"

namespace postern::language {
namespace {

constexpr int kDeepestNesting = 50;
constexpr double kPerlVersion = 5.036;

// Features of SpamAssassin's own configuration language that can() and has() ask for and that are
// here.
constexpr std::array<std::string_view, 13> kFeatures{
    "feature_bug6558_free",      "feature_compile_regexp",        "feature_meta_rules_matching",
    "feature_header_first_last", "feature_header_match_many",     "feature_header_address_parser",
    "feature_local_tests_only",  "feature_welcomelist_blocklist", "feature_blocklist_welcomelist",
    "feature_yesno_takes_args",  "feature_capture_rules",         "has_tflags_nosubject",
    "perl_min_version_5010000"};

// SpamAssassin's plugins whose rules are run here, and ours.
constexpr std::array<std::string_view, 3> kPlugins{
    "Mail::SpamAssassin::Plugin::MIMEHeader",
    "Mail::SpamAssassin::Plugin::ReplaceTags",
    "Postern",
};

bool has_plugin(std::string_view name) {
  return std::ranges::find(kPlugins, name) != kPlugins.end();
}

bool has_feature(std::string_view name) {
  constexpr std::string_view kModule = "Mail::SpamAssassin::Conf::";
  constexpr std::string_view kOfParts = "Mail::SpamAssassin::Plugin::MIMEHeader::has_";
  if (name.starts_with(kOfParts)) {
    name.remove_prefix(kOfParts.size());
    return name == "tflags_multiple" || name == "tflags_range" || name == "tflags_concat" ||
           name == "all_header";
  }
  if (!name.starts_with(kModule)) return false;
  name.remove_prefix(kModule.size());
  for (std::string_view feature : kFeatures) {
    if (feature == name) return true;
  }
  return false;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::expected<bool, std::string> parse() {
    skip_blanks();
    const double value = either(0);
    if (error_.empty() && at_ < text_.size()) expected("&&, || or the end");
    if (!error_.empty()) return std::unexpected(std::move(error_));
    return value != 0;
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    skip_blanks();
    return true;
  }
  void expected(std::string_view what) {
    if (!error_.empty()) return;
    error_ = at_ < text_.size()
                 ? fmt::format("unexpected '{}' in the condition; expected {}", text_[at_], what)
                 : fmt::format("the condition ends too early; expected {}", what);
  }

  double either(int depth) {
    double value = both(depth);
    while (error_.empty() && take("||")) {
      const double right = both(depth);
      value = value != 0 || right != 0;
    }
    return value;
  }
  double both(int depth) {
    double value = comparison(depth);
    while (error_.empty() && take("&&")) {
      const double right = comparison(depth);
      value = value != 0 && right != 0;
    }
    return value;
  }
  double comparison(int depth) {
    const double left = unary(depth);
    if (!error_.empty()) return 0;
    if (take(">=")) return left >= unary(depth);
    if (take("<=")) return left <= unary(depth);
    if (take("==")) return left == unary(depth);
    if (take("!=")) return left != unary(depth);
    if (take(">")) return left > unary(depth);
    if (take("<")) return left < unary(depth);
    return left;
  }
  double unary(int depth) {
    if (depth > kDeepestNesting) {
      if (error_.empty()) error_ = fmt::format("more than {} levels of nesting", kDeepestNesting);
      return 0;
    }
    if (take("!")) return unary(depth + 1) == 0;
    if (take("(")) {
      const double value = either(depth + 1);
      if (error_.empty() && !take(")")) expected("')'");
      return value;
    }
    if (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) return number();
    return word();
  }
  double number() {
    double value = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(),
                                              value, std::chars_format::fixed);
    if (error != std::errc()) {
      expected("a number");
      return 0;
    }
    at_ = static_cast<size_t>(end - text_.data());
    skip_blanks();
    return value;
  }
  std::string_view name() {
    const size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) ||
                                  text_[at_] == '_' || text_[at_] == ':')) {
      ++at_;
    }
    const std::string_view out = text_.substr(begin, at_ - begin);
    skip_blanks();
    return out;
  }
  double word() {
    const size_t begin = at_;
    const std::string_view what = name();
    if (what == "version") return kLanguageVersion;
    if (what == "perl_version") return kPerlVersion;
    if (what == "local_tests_only") return 1;
    if (what != "plugin" && what != "can" && what != "has") {
      at_ = begin;
      expected("version, plugin(…), can(…), has(…), local_tests_only or a number");
      return 0;
    }
    if (!take("(")) {
      expected("'('");
      return 0;
    }
    const std::string_view argument = name();
    if (argument.empty() || !take(")")) {
      expected("a Perl module or method name in parentheses");
      return 0;
    }
    return what == "plugin" ? has_plugin(argument) || is_eval_plugin(argument)
                            : has_feature(argument) || is_eval_feature(argument);
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string error_;
};

}  // namespace

std::expected<bool, std::string> evaluate_condition(std::string_view text) {
  return Parser(text).parse();
}

}  // namespace postern::language
