#include "dataplane/scan/evals/eval_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/html_elements.h"
#include "patterns/language/header_selector.h"

namespace postern::scan::evals {
namespace {

using language::EvalArgument;

double number(std::string_view text) {
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

Comparison comparison(std::string_view text) {
  using Op = Comparison::Op;
  struct Written {
    std::string_view text;
    Op op;
  };
  for (const Written& written :
       {Written{"==", Op::kEqual}, Written{"!=", Op::kNotEqual}, Written{"<=", Op::kLessOrEqual},
        Written{">=", Op::kMoreOrEqual}, Written{"<", Op::kLess}, Written{">", Op::kMore}}) {
    if (!text.starts_with(written.text)) continue;
    text.remove_prefix(written.text.size());
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    return {written.op, number(text)};
  }
  return {};
}

uint32_t add_selector(std::string_view text, std::vector<language::HeaderSelector>& selectors) {
  const auto parsed = language::parse_header_selector(text);
  if (!parsed) return artefact::kNone;
  const auto known = std::ranges::find(selectors, parsed->selector);
  if (known != selectors.end()) return static_cast<uint32_t>(known - selectors.begin());
  selectors.push_back(parsed->selector);
  return static_cast<uint32_t>(selectors.size() - 1);
}

// check_illegal_chars() looks at fields as they came, and `word` tells a subject;
// check_freemail_header() at addresses.
void take_field(const artefact::Eval& eval, EvalRule& rule,
                std::vector<language::HeaderSelector>& selectors) {
  std::string field = eval.call.arguments[0];
  if (eval.call.function == "check_illegal_chars" && !field.ends_with(":raw")) field += ":raw";
  if (eval.call.function == "check_freemail_header") field += ":addr";
  rule.word = mime::equals_ignoring_case(field, "Subject:raw") ? 1 : 0;
  rule.selector = add_selector(field, selectors);
}

// Addresses with "*" for anything and "?" for one character; null of none.
std::expected<language::Pcre2Code, std::string> list_code(std::span<const std::string> addresses) {
  std::string pattern;
  for (const std::string& address : addresses) {
    pattern += pattern.empty() ? "^(?:" : "|";
    for (char c : address) {
      if (c == '*') {
        if (!pattern.ends_with(".*")) pattern += ".*";
      } else if (c == '?') {
        pattern += '.';
      } else if (mime::is_alnum(c)) {
        pattern += c;
      } else {
        pattern += fmt::format("\\x{:02x}", static_cast<uint8_t>(c));
      }
    }
  }
  if (pattern.empty()) return language::Pcre2Code();
  auto code = language::compile_pcre2({pattern + ")$", 0});
  if (!code) return std::unexpected("enlist_addrlist: " + code.error().what);
  pcre2_jit_compile(code->get(), PCRE2_JIT_COMPLETE);
  return std::move(*code);
}

std::expected<void, std::string> take_arguments(const artefact::Artefact& artefact,
                                                const artefact::Eval& eval, EvalRule& rule,
                                                std::vector<language::HeaderSelector>& selectors) {
  const language::EvalFunction& function = *language::find_eval_function(eval.call.function);
  rule.arguments = static_cast<uint8_t>(eval.call.arguments.size());
  // A limit that is left out is none.
  if (function.arguments[2] == EvalArgument::kLimit)
    rule.numbers[2] = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < eval.call.arguments.size(); ++i) {
    const std::string& text = eval.call.arguments[i];
    switch (function.arguments[i]) {
      case EvalArgument::kNumber:
        rule.numbers[i] = number(text);
        break;
      case EvalArgument::kLimit:
        // The lower of two limits comes first.
        rule.numbers[i] = text != "undef" ? number(text)
                          : i == 0        ? -std::numeric_limits<double>::infinity()
                                          : std::numeric_limits<double>::infinity();
        break;
      case EvalArgument::kTag: {
        // SpamAssassin finds tags by their names in small letters only.
        rule.tag = mime::element(text);
        break;
      }
      case EvalArgument::kComparison:
        rule.comparison = comparison(text);
        break;
      case EvalArgument::kExpression: {
        auto code = language::compile_pcre2({text, 0});
        if (!code) return std::unexpected(code.error().what);
        pcre2_jit_compile(code->get(), PCRE2_JIT_COMPLETE);
        rule.code = std::move(*code);
        break;
      }
      case EvalArgument::kListName: {
        auto code = list_code(language::setting_words(artefact.settings, "enlist_addrlist", text));
        if (!code) return std::unexpected(std::move(code.error()));
        rule.code = std::move(*code);
        break;
      }
      case EvalArgument::kField:
        take_field(eval, rule, selectors);
        break;
      default: {
        const auto words = language::eval_words(function.arguments[i]);
        rule.word = static_cast<uint32_t>(std::ranges::find(words, text) - words.begin());
      }
    }
  }
  return {};
}

}  // namespace

bool Comparison::holds(double left) const {
  switch (op) {
    case Op::kEqual:
      return left == value;
    case Op::kNotEqual:
      return left != value;
    case Op::kLess:
      return left < value;
    case Op::kLessOrEqual:
      return left <= value;
    case Op::kMore:
      return left > value;
    case Op::kMoreOrEqual:
      return left >= value;
  }
  return false;
}

std::expected<void, std::string> EvalPlan::load(const artefact::Artefact& artefact,
                                                std::vector<language::HeaderSelector>& selectors) {
  fields_.fill(artefact::kNone);
  for (const artefact::Eval& eval : artefact.evals) {
    if (artefact.rules[eval.rule].flags & artefact::kOff) continue;
    const auto row = std::ranges::find(eval_rows(), eval.call.function, &EvalRow::name);
    if (row == eval_rows().end()) {
      return std::unexpected(fmt::format("rule {} calls {}, which this postern does not have",
                                         artefact.rules[eval.rule].name, eval.call.function));
    }
    EvalRule rule;
    rule.rule = eval.rule;
    rule.row = &*row;
    if (auto taken = take_arguments(artefact, eval, rule, selectors); !taken) {
      return std::unexpected(
          fmt::format("rule {}: {}", artefact.rules[eval.rule].name, taken.error()));
    }
    needs_ |= row->needs;
    empty_ = false;
    rules_[static_cast<size_t>(row->stage)].push_back(std::move(rule));
  }
  if (auto loaded = free_mail_.load(artefact.settings); !loaded) return loaded;
  most_around_address_ = language::setting_number(artefact.settings, "fns_extrachars", 50);
  from_name_level_ = language::setting_number(artefact.settings, "fns_check", 1);
  for (const std::string& field : language::setting_words(artefact.settings, "fns_ignore_headers"))
    ignored_of_from_name_.push_back(add_selector(field, selectors));
  if (!needs(kNeedsHeaders)) return {};
  for (size_t i = 0; i < kFields; ++i)
    fields_[i] = add_selector(name_of(static_cast<Field>(i)), selectors);
  return {};
}

}  // namespace postern::scan::evals
