#include "patterns/language/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>

#include "patterns/artefact/sha256.h"
#include "patterns/language/condition.h"
#include "patterns/language/directives.h"
#include "patterns/language/header_selector.h"

namespace postern::language {
namespace {

constexpr int kDeepestInclude = 16;
constexpr size_t kMostErrors = 1000;
constexpr size_t kLongestRuleName = 100;  // as SpamAssassin's parser
constexpr std::string_view kBlanks = " \t\r\n\v\f";

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// Takes the first word off `rest`.
std::string_view next_word(std::string_view& rest) {
  rest = trim(rest);
  const size_t end = std::min(rest.find_first_of(kBlanks), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest = trim(rest.substr(end));
  return word;
}

// Cuts the comment off; "\#" is a hash.
std::string without_comment(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '#') {
      if (out.empty() || out.back() != '\\') break;
      out.back() = '#';
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string directive_name(std::string_view word) {
  std::string out(word);
  for (char& c : out)
    c = c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

std::expected<std::string, std::string> load_from_disk(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::unexpected("cannot be opened; expected a file that can be read");
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (in.bad()) return std::unexpected("cannot be read to its end");
  if (text.find('\0') != std::string::npos) {
    return std::unexpected(
        "is no text; expected rules or a list as text, not a compiled set or a packed file");
  }
  return text;
}

}  // namespace

std::string Diagnostic::to_string() const {
  return line == 0 ? fmt::format("{}: {}", file, what) : fmt::format("{}:{}: {}", file, line, what);
}

Reader::Reader(FileLoader load_file)
    : load_file_(load_file ? std::move(load_file) : FileLoader(load_from_disk)) {}

void Reader::error(std::string what) { error_at(place_, std::move(what)); }

void Reader::error_at(Place place, std::string what) {
  if (errors_.size() >= kMostErrors) return;
  errors_.push_back({set_.files[place.file].path, place.line, std::move(what)});
}

void Reader::warn_at(Place place, std::string what) {
  if (set_.warnings.size() >= kMostErrors) return;
  set_.warnings.push_back({set_.files[place.file].path, place.line, std::move(what)});
}

void Reader::read(const std::filesystem::path& path) {
  std::error_code code;
  if (std::filesystem::is_directory(path, code)) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(path, code)) {
      if (entry.path().extension() == ".cf") files.push_back(entry.path());
    }
    if (files.empty()) {
      errors_.push_back({path.string(), 0, "the directory holds no *.cf file"});
      return;
    }
    std::ranges::sort(files);
    for (const auto& file : files) read(file);
    return;
  }
  auto text = load_file_(path);
  if (!text) {
    errors_.push_back({path.string(), 0, std::move(text.error())});
    return;
  }
  read_text(path, *text);
}

void Reader::read_text(const std::filesystem::path& path, std::string_view text) {
  const Place outer = place_;
  const size_t outer_conditions = conditions_.size();
  const bool outer_skips = skips_;
  const auto bytes = std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  set_.files.push_back({path.string(), artefact::hex(artefact::sha256(bytes))});
  place_ = {static_cast<uint32_t>(set_.files.size() - 1), 0};
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    ++place_.line;
    line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  for (size_t i = outer_conditions; i < conditions_.size(); ++i) {
    error_at({place_.file, conditions_[i].line}, "this condition is not closed; expected endif");
  }
  conditions_.resize(std::min(conditions_.size(), outer_conditions));
  skips_ = outer_skips;
  place_ = outer;
}

void Reader::line(std::string_view raw) {
  const std::string text = without_comment(raw);
  std::string_view rest = text;
  std::string_view word = next_word(rest);
  if (word.empty()) return;
  std::string key = directive_name(word);
  if (key == "lang") {
    const std::string_view language = next_word(rest);
    // Texts of the default language, en_US, are taken; others are not ours to show.
    if (!std::string_view("en_US").starts_with(language) || language.empty()) {
      if (!skips_) accept("lang", "text in another language");
      return;
    }
    word = next_word(rest);
    if (word.empty()) return;
    key = directive_name(word);
  }
  if (conditional(key, rest)) return;
  if (skips_) {
    // A rule that exists only here still has a name that metas may use.
    if (is_target(key) || is_rule_not_run(key)) {
      skipped_names_.emplace(std::string(next_word(rest)), true);
    }
    return;
  }
  directive(key, rest);
}

// True when the line was about conditions.
bool Reader::conditional(std::string_view key, std::string_view value) {
  if (key == "if" || key == "ifplugin") {
    conditions_.push_back({skips_, place_.line});
    const std::string condition =
        key == "if" ? std::string(value) : fmt::format("plugin({})", value);
    const auto holds = evaluate_condition(condition);
    if (!holds) {
      error(fmt::format("{}: {}", key, holds.error()));
    } else if (!*holds) {
      skips_ = true;
    }
    return true;
  }
  if (key != "else" && key != "endif") return false;
  if (!value.empty()) error(fmt::format("text after {}; expected it alone on its line", key));
  if (conditions_.empty()) {
    error(fmt::format("{} without if; expected an if or ifplugin above", key));
  } else if (key == "endif") {
    skips_ = conditions_.back().outer_skips;
    conditions_.pop_back();
  } else {
    skips_ = conditions_.back().outer_skips || !skips_;
  }
  return true;
}

void Reader::directive(std::string_view key, std::string_view value) {
  if (is_target(key)) {
    define(key, value);
  } else if (key == "score") {
    score(value);
  } else if (key == "describe") {
    describe(value);
  } else if (key == "tflags") {
    flags(value);
  } else if (key == "include") {
    include(value);
  } else if (key == "require_version") {
    accept(key, "version of SpamAssassin");
  } else if (is_rule_not_run(key)) {
    std::string_view rest = value;
    skipped_names_.emplace(std::string(next_word(rest)), true);
    accept(key, "rule that needs the network or a plugin: not run");
  } else if (replace_tags(key, value)) {
    // taken
  } else if (UriHostLists::is_directive(key)) {
    if (auto taken = host_lists_.take(key, value); !taken) error(std::move(taken.error()));
  } else if (const auto setting = function_setting_name(key); !setting.empty()) {
    if (auto added = add_function_setting(set_.settings, setting, value); !added)
      error(std::move(added.error()));
  } else if (is_setting_without_effect(key)) {
    accept(key, "setting without effect here");
  } else {
    error(
        fmt::format("unknown directive '{}'; expected header, body, rawbody, uri, full, list, "
                    "meta, score, describe, "
                    "tflags, if, include or a SpamAssassin setting",
                    key));
  }
}

// True when the line was about tags.
bool Reader::replace_tags(std::string_view key, std::string_view value) {
  if (!key.starts_with("replace_")) return false;
  key.remove_prefix(8);
  if (key == "rules") {
    while (!value.empty()) tags_.rules.emplace(next_word(value));
    return true;
  }
  if (key == "start" || key == "end") {
    if (value.empty()) {
      error(fmt::format("replace_{0} without a text; expected what a tag {0}s with", key));
    } else {
      (key == "start" ? tags_.start : tags_.end) = value;
    }
    return true;
  }
  ReplaceTags::Pieces* pieces = key == "tag"     ? &tags_.tags
                                : key == "pre"   ? &tags_.pre
                                : key == "inter" ? &tags_.inter
                                : key == "post"  ? &tags_.post
                                                 : nullptr;
  if (pieces == nullptr) return false;
  const std::string name(next_word(value));
  if (value.empty()) {
    error(fmt::format("replace_{} without an expression; expected a name and an expression", key));
  } else {
    (*pieces)[name] = value;
  }
  return true;
}

void Reader::accept(std::string_view name, std::string_view why) {
  const auto [entry, is_new] =
      accepted_index_.emplace(std::string(name), static_cast<uint32_t>(set_.accepted.size()));
  if (is_new) set_.accepted.push_back({std::string(name), std::string(why), 0, place_});
  ++set_.accepted[entry->second].count;
}

void Reader::include(std::string_view value) {
  if (value.empty()) return error("include without a file name; expected a path");
  if (include_depth_ >= kDeepestInclude) {
    return error(fmt::format("includes nest deeper than {}; expected no file to include itself",
                             kDeepestInclude));
  }
  std::filesystem::path path{std::string(value)};
  if (path.is_relative()) {
    path = std::filesystem::path(set_.files[place_.file].path).parent_path() / path;
  }
  auto text = load_file_(path);
  if (!text) return error(fmt::format("include {}: {}", path.string(), text.error()));
  ++include_depth_;
  read_text(path, *text);
  --include_depth_;
}

bool Reader::check_rule_name(std::string_view name) {
  const bool valid =
      !name.empty() && !std::isdigit(static_cast<unsigned char>(name[0])) &&
      std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) || c == '_'; });
  if (!valid) {
    error(fmt::format(
        "'{}' is no rule name; expected letters, digits and '_', not beginning with a digit",
        name));
  } else if (name.size() > kLongestRuleName) {
    error(fmt::format("rule name of {} characters; expected at most {}", name.size(),
                      kLongestRuleName));
    return false;
  }
  return valid;
}

Rule* Reader::new_rule(std::string_view name, Target target) {
  const auto [entry, is_new] =
      rule_index_.emplace(std::string(name), static_cast<uint32_t>(set_.rules.size()));
  if (is_new) {
    set_.rules.emplace_back();
  } else {
    const Place& before = set_.rules[entry->second].place;
    warn_at(place_, fmt::format("{} is defined again, and its definition at {}:{} counts no more; "
                                "give one of them another name",
                                name, set_.files[before.file].path, before.line));
  }
  Rule& rule = set_.rules[entry->second];
  rule = Rule{};
  host_list_of_rule_.erase(std::string(name));
  rule.name = name;
  rule.place = place_;
  rule.target = target;
  return &rule;
}

void Reader::define(std::string_view key, std::string_view value) {
  std::string_view text = value;
  const std::string_view name = next_word(text);
  if (!check_rule_name(name)) return;
  if (text.empty())
    return error(fmt::format("{} {} without a test; expected one after the name", key, name));
  const auto target = std::ranges::find(kTargetNames, key) - std::begin(kTargetNames);
  Rule& rule = *new_rule(name, static_cast<Target>(target));
  if (rule.target == Target::kMeta) {
    auto meta = parse_meta(text);
    if (!meta) return error(fmt::format("meta {}: {}", name, meta.error()));
    rule.meta = std::move(*meta);
    return;
  }
  if (rule.target == Target::kList) return define_list(rule, text);
  if (text.starts_with("eval:")) return define_eval(rule, text.substr(5));
  if (text.starts_with("rbleval:")) {
    rule.not_run = fmt::format("{} needs the network", text.substr(0, text.find('(')));
    return;
  }
  if (rule.target == Target::kHeader) {
    define_header(rule, text);
  } else if (rule.target == Target::kMimeHeader) {
    define_mime_header(rule, text);
  } else {
    define_regexp(rule, text);
  }
}

void Reader::define_list(Rule& rule, std::string_view text) {
  auto list = parse_list_rule(text);
  if (!list) return error(fmt::format("list {}: {}", rule.name, list.error()));
  std::filesystem::path path(list->file);
  if (path.is_relative()) {
    path = std::filesystem::path(set_.files[place_.file].path).parent_path() / path;
  }
  const auto content = load_file_(path);
  if (!content)
    return error(fmt::format("list {}: {}: {}", rule.name, path.string(), content.error()));
  const auto bytes = std::span(reinterpret_cast<const uint8_t*>(content->data()), content->size());
  set_.files.push_back({path.string(), artefact::hex(artefact::sha256(bytes))});
  const auto file = static_cast<uint32_t>(set_.files.size() - 1);
  lists::ListBuilder builder;
  const lists::ListErrors errors =
      lists::read_list(*content, list->kind, list->format, list->keep_query, builder);
  for (const lists::ListError& each : errors.first)
    error_at({file, each.line}, fmt::format("list {}: {}", rule.name, each.what));
  if (errors.count > errors.first.size()) {
    error_at({file, 0}, fmt::format("list {}: {} errors, of which these are the first {}",
                                    rule.name, errors.count, errors.first.size()));
  }
  if (builder.size() == 0 && errors.count == 0)
    accept(fmt::format("list {}", rule.name), "a list without an entry: never hits");
  list->block = std::make_shared<const std::vector<uint64_t>>(builder.finish());
  rule.list = std::move(*list);
}

void Reader::define_eval(Rule& rule, std::string_view call) {
  if (std::string list = UriHostLists::list_of_call(call); !list.empty()) {
    rule.target = Target::kList;
    host_list_of_rule_[rule.name] = std::move(list);
    return;
  }
  auto eval = parse_eval_call(call);
  if (eval) {
    rule.eval = std::move(*eval);
  } else if (eval.error().wrong) {
    error(fmt::format("{} {}: {}", name_of(rule.target), rule.name, eval.error().what));
  } else {
    rule.not_run = std::move(eval.error().what);
  }
}

void Reader::define_header(Rule& rule, std::string_view text) {
  if (text.starts_with("exists:")) {
    text.remove_prefix(7);
    if (text.ends_with(':')) text.remove_suffix(1);
    auto selector = parse_header_selector(text);
    if (!selector || text.find(':') != std::string_view::npos) {
      return error(fmt::format("header {}: '{}' after exists:; expected a header field name",
                               rule.name, text));
    }
    rule.exists = true;
    rule.header = std::move(selector->selector);
    rule.not_run = std::move(selector->not_run);
    return;
  }
  const size_t op = std::min(text.find("=~"), text.find("!~"));
  if (op == std::string_view::npos) {
    return error(fmt::format(
        "header {}: no operator; expected FIELD =~ /…/, FIELD !~ /…/ or exists:FIELD", rule.name));
  }
  std::string_view left = trim(text.substr(0, op));
  if (left.ends_with(':')) left.remove_suffix(1);
  auto selector = parse_header_selector(left);
  if (!selector) return error(fmt::format("header {}: {}", rule.name, selector.error()));
  rule.header = std::move(selector->selector);
  rule.not_run = std::move(selector->not_run);
  rule.negated = text[op] == '!';
  std::string_view literal = trim(text.substr(op + 2));
  const size_t unset = literal.rfind("[if-unset:");
  if (unset != std::string_view::npos && literal.ends_with(']')) {
    std::string_view stand_in = literal.substr(unset + 10);
    stand_in.remove_suffix(1);
    const size_t begin = stand_in.find_first_not_of(kBlanks);
    rule.if_unset = std::string(begin == std::string_view::npos ? "" : stand_in.substr(begin));
    literal = trim(literal.substr(0, unset));
  }
  define_regexp(rule, literal);
}

// Of SpamAssassin's modifiers only :raw; the field's last instance in each part counts.
void Reader::define_mime_header(Rule& rule, std::string_view text) {
  if (text.starts_with("exists:")) {
    return error(fmt::format(
        "mimeheader {}: exists: is for header rules; expected FIELD =~ /…/ or FIELD !~ /…/",
        rule.name));
  }
  define_header(rule, text);
  using enum HeaderSelector::Source;
  const HeaderSelector& selector = rule.header;
  if (selector.source == kAll) {
    rule.header.source = kPartField;
  } else if (selector.source != kField || selector.part != HeaderSelector::Part::kValue ||
             selector.instance != HeaderSelector::Instance::kEvery ||
             selector.extract != HeaderSelector::Extract::kWhole) {
    return error(fmt::format(
        "mimeheader {}: '{}' is no field of a MIME part; expected a field name, or one with :raw",
        rule.name, to_string(selector)));
  } else {
    rule.header.source = kPartField;
  }
}

void Reader::define_regexp(Rule& rule, std::string_view literal) {
  auto regexp = parse_regexp(literal);
  if (!regexp && regexp.error().portable) {
    return error(fmt::format("{} {}: {}", name_of(rule.target), rule.name, regexp.error().what));
  }
  if (!regexp) {
    rule.not_run = regexp.error().what;
    return;
  }
  rule.regexp = std::move(*regexp);
  // SpamAssassin's own addition: %{NAME} stands for what another rule captured.
  const size_t capture = rule.regexp.pattern.find("%{");
  if (capture != std::string::npos && capture + 2 < rule.regexp.pattern.size() &&
      std::isupper(static_cast<unsigned char>(rule.regexp.pattern[capture + 2]))) {
    rule.not_run = "uses text captured by another rule";
  }
}

void Reader::score(std::string_view value) {
  std::string_view rest = value;
  const std::string name(next_word(rest));
  std::vector<std::string_view> columns;
  while (!rest.empty()) columns.push_back(next_word(rest));
  if (columns.size() != 1 && columns.size() != 4) {
    return error(fmt::format("score with {} numbers; expected a rule name and 1 or 4 numbers",
                             columns.size()));
  }
  double first = 0;
  bool relative = false;
  for (size_t i = 0; i < columns.size(); ++i) {
    std::string_view column = columns[i];
    if (column.starts_with('(') && column.ends_with(')') && column.size() > 2) {
      relative = true;
      column = column.substr(1, column.size() - 2);
    }
    const auto number = parse_number(column);
    if (!number) {
      return error(
          fmt::format("score {}: '{}' is no number; expected one such as 2.5, or (0.5) to add",
                      name, columns[i]));
    }
    // The first of four columns is for scoring without network tests and without a Bayes filter.
    if (i == 0) first = *number;
  }
  Settings& settings = settings_[name];
  if (relative && !settings.has_score) {
    return error(
        fmt::format("score {}: relative to a score that was not set; expected a number without "
                    "parentheses first",
                    name));
  }
  settings.score = relative ? settings.score + first : first;
  settings.has_score = true;
  settings.place = settings.score_place = place_;
}

void Reader::describe(std::string_view value) {
  std::string_view rest = value;
  const std::string name(next_word(rest));
  if (name.empty() || rest.empty())
    return error("describe without a text; expected a rule name and a text");
  settings_[name].description = rest;
  settings_[name].place = place_;
}

void Reader::flags(std::string_view value) {
  std::string_view rest = value;
  const std::string name(next_word(rest));
  if (name.empty() || rest.empty())
    return error("tflags without flags; expected a rule name and flags");
  settings_[name].flags = rest;
  settings_[name].place = settings_[name].flags_place = place_;
}

std::expected<RuleSet, std::vector<Diagnostic>> Reader::finish() {
  apply_settings();
  warn_of_strays();
  make_host_lists();
  expand_tags();
  for (const auto& [name, unused] : skipped_names_) {
    if (!rule_index_.contains(name)) set_.skipped_rules.push_back(name);
  }
  std::ranges::sort(set_.skipped_rules);
  expand_globs();
  check_metas();
  if (!errors_.empty()) return std::unexpected(std::move(errors_));
  return std::move(set_);
}

std::expected<RuleSet, std::vector<Diagnostic>> read_rules(
    std::span<const std::filesystem::path> sources) {
  Reader reader;
  for (const auto& source : sources) reader.read(source);
  return reader.finish();
}

}  // namespace postern::language
