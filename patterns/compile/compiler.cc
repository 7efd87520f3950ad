#include "patterns/compile/compiler.h"

#include <fmt/format.h>
#include <hs/hs.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include "patterns/compile/hyperscan_form.h"
#include "patterns/compile/meta_code.h"
#include "patterns/compile/sample.h"

namespace postern::compile {
namespace {

using artefact::ExpressionClass;
using language::Target;

struct HsFree {
  void operator()(hs_database_t* database) const { hs_free_database(database); }
  void operator()(hs_compile_error_t* error) const { hs_free_compile_error(error); }
};
using HsDatabase = std::unique_ptr<hs_database_t, HsFree>;
using HsError = std::unique_ptr<hs_compile_error_t, HsFree>;

// Whether Hyperscan can express the form at all. Matching nothing (an empty match) is left to
// PCRE2.
bool is_expressible(const HyperscanForm& form, unsigned extra_flags) {
  hs_expr_info_t* info = nullptr;
  hs_compile_error_t* error = nullptr;
  const bool ok = hs_expression_info(form.pattern.c_str(), form.flags | extra_flags, &info,
                                     &error) == HS_SUCCESS;
  HsError owned_error(error);
  const bool empty = ok && info->min_width == 0;
  free(info);
  return ok && !empty && form.pattern.find('\0') == std::string::npos;
}

// What a database is for, as artefact::Database says.
struct Place {
  Target target;
  uint32_t selector;
  uint32_t expression;
  auto operator<=>(const Place&) const = default;
};

// An expression on its way into a database.
struct Candidate {
  uint32_t expression;
  HyperscanForm form;
};

// A gram as a person reads it: white space as '_', a digit as '0', other ASCII as '.', a high byte
// as
// '?'.
std::string text_of(artefact::Gram gram) {
  std::string out;
  for (uint32_t i = artefact::length_of(gram); i-- > 0;) {
    const uint32_t symbol = gram >> i * artefact::kSymbolBits & artefact::kSymbolMask;
    out += "_abcdefghijklmnopqrstuvwxyz0.-+"[symbol];
  }
  return out;
}

std::string text_of(const RequiredFactor& factor) {
  constexpr size_t kShown = 8;
  std::string out = factor.least > 1 ? fmt::format("{} × ", factor.least) : "";
  for (size_t i = 0; i < std::min(factor.grams.size(), kShown); ++i) {
    if (i > 0) out += '|';
    out += text_of(factor.grams[i]);
  }
  if (factor.grams.size() > kShown) out += fmt::format("|… ({} in all)", factor.grams.size());
  return out;
}

class Compiler {
 public:
  Compiler(const language::RuleSet& rules, const CompileOptions& options)
      : set_(rules), options_(options) {}

  std::expected<Compiled, std::string> compile() {
    if (set_.rules.size() > artefact::kMostRules) {
      return std::unexpected(fmt::format("{} rules; expected at most {}: split the set",
                                         set_.rules.size(), artefact::kMostRules));
    }
    auto metas = order_metas(set_.rules);
    if (!metas) return std::unexpected(std::move(metas.error()));
    for (uint32_t i = 0; i < set_.rules.size(); ++i) add_rule(i);
    for (uint32_t off : metas->off) {
      turn_off(off, set_.rules[off].score == 0 ? "its score is 0"
                                               : "it builds on a meta whose score is 0");
    }
    add_settings();
    artefact_.metas = std::move(metas->metas);
    report_.metas = static_cast<uint32_t>(artefact_.metas.size());
    if (counted_ > artefact::kMostCountedRules) {
      return std::unexpected(fmt::format("{} rules with tflags multiple; expected at most {}",
                                         counted_, artefact::kMostCountedRules));
    }
    place_expressions();
    for (auto& [place, candidates] : groups_) {
      if (auto built = build_database(place, candidates); !built) {
        return std::unexpected(std::move(built.error()));
      }
    }
    for (size_t i = 0; i < artefact_.expressions.size(); ++i) {
      report_.expressions[i].kind = artefact_.expressions[i].kind;
      count_class(artefact_.expressions[i].kind);
    }
    artefact_.provenance.compiler = options_.compiler;
    artefact_.provenance.hyperscan = hs_version();
    artefact_.provenance.sources = set_.files;
    return Compiled{std::move(artefact_), std::move(report_)};
  }

 private:
  void turn_off(uint32_t index, std::string why) {
    artefact_.rules[index].flags |= artefact::kOff;
    report_.not_run.push_back({set_.rules[index].name, std::move(why)});
  }

  void add_rule(uint32_t index) {
    const language::Rule& rule = set_.rules[index];
    artefact::Rule& out = artefact_.rules.emplace_back();
    out.name = rule.name;
    out.description = rule.description;
    out.score = rule.score;
    out.target = rule.target;
    out.maximum_hits = rule.maximum_hits;
    out.source = rule.place.file;
    out.line = rule.place.line;
    if (rule.is_sub_rule()) out.flags |= artefact::kSubRule;
    ++(rule.is_sub_rule() ? report_.sub_rules : report_.rules);
    if (rule.target == Target::kMeta && rule.not_run.empty()) return;
    if (!rule.not_run.empty()) return turn_off(index, rule.not_run);
    if (rule.score == 0) return turn_off(index, "its score is 0");
    if (rule.target == Target::kList) {
      artefact_.lists.push_back({index, rule.list.kind, rule.list.places, rule.list.keep_query,
                                 *rule.list.block, rule.list.block});
      return;
    }
    if (!rule.eval.function.empty()) {
      out.target = Target::kEval;
      artefact_.evals.push_back({index, rule.eval});
      return;
    }
    if (rule.multiple && !rule.exists && !rule.negated) {
      out.flags |= artefact::kMultiple;
      ++counted_;
    }
    if (rule.no_subject && rule.target == Target::kBody) out.flags |= artefact::kNoSubject;
    if (language::has_selector(rule.target)) add_header(rule, out);
    if (!rule.exists) add_expression(index, out);
  }

  // Those that a function which some rule calls looks at.
  void add_settings() {
    for (const language::FunctionSetting& setting : set_.settings) {
      const std::string_view plugin = language::plugin_of_setting(setting.name);
      if (std::ranges::any_of(artefact_.evals, [&](const artefact::Eval& eval) {
            return language::find_eval_function(eval.call.function)->plugin == plugin;
          })) {
        artefact_.settings.push_back(setting);
      }
    }
  }

  void add_header(const language::Rule& rule, artefact::Rule& out) {
    const auto [entry, is_new] =
        selectors_.emplace(rule.header, static_cast<uint32_t>(artefact_.selectors.size()));
    if (is_new) artefact_.selectors.push_back(rule.header);
    out.selector = entry->second;
    if (rule.exists) {
      out.flags |= artefact::kExists;
      return;
    }
    if (rule.negated) out.flags |= artefact::kNegated;
    // What the rule says of an absent header does not depend on the message.
    // Of a part's header: what the expression says, for the rule's answer is all parts'.
    const bool of_parts = rule.target == Target::kMimeHeader;
    const bool flips = rule.negated && !of_parts;
    const bool stands_in = !of_parts || !rule.header.raw;
    if (language::matches(rule.regexp, stands_in ? rule.if_unset.value_or("") : "") != flips) {
      out.flags |= artefact::kHitsWhenAbsent;
    }
  }

  void add_expression(uint32_t index, artefact::Rule& out) {
    out.expression = static_cast<uint32_t>(artefact_.expressions.size());
    const language::Rule& rule = set_.rules[index];
    artefact::Expression& expression = artefact_.expressions.emplace_back();
    expression.rule = index;
    expression.regexp = rule.regexp;
    const bool joined = language::is_joined(rule.target);
    HyperscanForm form = hyperscan_form(rule.regexp, joined);
    const bool needs_element = (out.flags & (artefact::kMultiple | artefact::kNoSubject)) != 0 ||
                               rule.target == Target::kFull;
    expression.kind = form.needs_confirmation || needs_element ? ExpressionClass::kConfirmed
                                                               : ExpressionClass::kNative;
    bool expressible = is_expressible(form, 0);
    if (!expressible) {
      form.flags |= HS_FLAG_PREFILTER;
      expression.kind = ExpressionClass::kConfirmed;
      expressible = is_expressible(form, 0);
    }
    // In joined text a candidate may fail in one element and hold in the next: all are wanted.
    if (expression.kind == ExpressionClass::kNative || !joined) form.flags |= HS_FLAG_SINGLEMATCH;
    searched_.push_back({&rule.regexp, std::move(form), expressible, rule.target,
                         group_of(rule.target, out.selector), rule.is_sub_rule() && joined});
  }

  uint32_t group_of(Target target, uint32_t selector) {
    const auto next = static_cast<uint32_t>(group_numbers_.size());
    return group_numbers_.emplace(std::pair(target, selector), next).first->second;
  }

  // Every expression to its engine; searched_ and the artefact's expressions are in one order.
  void place_expressions() {
    Sample sample = options_.sample;
    for (const auto& [target, elements] : default_sample()) {
      if (sample[target].empty()) sample[target] = elements;
    }
    auto placements = place(searched_, sample, options_.placement);
    for (uint32_t i = 0; i < placements.size(); ++i) {
      Placement& placement = placements[i];
      artefact::Expression& expression = artefact_.expressions[i];
      const artefact::Rule& rule = artefact_.rules[expression.rule];
      ExpressionReport report{
          rule.name, expression.kind,         placement.cost_ns, placement.other_ns,
          {},        std::move(placement.why)};
      if (placement.was_cached) ++report_.cached;
      if (placement.trial_failed) ++report_.trials_failed;
      switch (placement.engine) {
        case Placement::Engine::kHyperscan:
          groups_[{rule.target, rule.selector, placement.alone ? i : artefact::kNone}].push_back(
              {i, std::move(searched_[i].form)});
          break;
        case Placement::Engine::kPcre2:
          expression.kind = ExpressionClass::kPcre2;
          break;
        case Placement::Engine::kFactored:
          expression.kind = ExpressionClass::kFactored;
          for (RequiredFactor& factor : placement.factors) {
            report.factors.push_back(text_of(factor));
            artefact_.factors.push_back({i, factor.least, factor.reach, std::move(factor.grams)});
          }
          if (placement.starts) {
            placement.starts->expression = i;
            artefact_.starts.push_back(std::move(*placement.starts));
          }
          break;
      }
      report_.expressions.push_back(std::move(report));
    }
  }

  // Compiles a group; an expression that Hyperscan turns down after all is searched as a prefilter,
  // then left to PCRE2.
  std::expected<void, std::string> build_database(const Place& place,
                                                  std::vector<Candidate>& candidates) {
    while (!candidates.empty()) {
      std::vector<const char*> patterns;
      std::vector<unsigned> flags, ids;
      for (const Candidate& candidate : candidates) {
        patterns.push_back(candidate.form.pattern.c_str());
        flags.push_back(candidate.form.flags);
        ids.push_back(candidate.expression);
      }
      const std::string key = database_key(candidates);
      if (recall_database(place, key)) return {};
      hs_database_t* raw = nullptr;
      hs_compile_error_t* raw_error = nullptr;
      const hs_error_t code = hs_compile_multi(patterns.data(), flags.data(), ids.data(),
                                               static_cast<unsigned>(patterns.size()),
                                               HS_MODE_BLOCK, nullptr, &raw, &raw_error);
      HsDatabase database(raw);
      HsError error(raw_error);
      if (code == HS_SUCCESS) return store_database(place, key, database.get());
      if (error == nullptr || error->expression < 0 || !is_verdict(*error)) {
        return std::unexpected(fmt::format("Hyperscan cannot compile the {} rules: {}",
                                           language::name_of(place.target),
                                           error ? error->message : "unknown error"));
      }
      demote(candidates, static_cast<size_t>(error->expression));
    }
    return {};
  }

  static std::string database_key(const std::vector<Candidate>& candidates) {
    EntryWriter key;
    for (const Candidate& candidate : candidates) {
      key.text(candidate.form.pattern).number(candidate.form.flags).number(candidate.expression);
    }
    return key.bytes();
  }

  bool recall_database(const Place& place, const std::string& key) {
    if (options_.placement.cache == nullptr) return false;
    const auto entry = options_.placement.cache->find("database", key);
    if (!entry) return false;
    EntryReader in(*entry);
    const std::string platform = in.text();
    const std::string bytes = in.text();
    if (!in.is_done()) return false;
    artefact_.databases.push_back({place.target, place.selector, place.expression,
                                   std::vector<char>(bytes.begin(), bytes.end())});
    artefact_.provenance.platform = platform;
    ++report_.cached_databases;
    return true;
  }

  void demote(std::vector<Candidate>& candidates, size_t position) {
    Candidate& candidate = candidates[position];
    artefact::Expression& expression = artefact_.expressions[candidate.expression];
    if ((candidate.form.flags & HS_FLAG_PREFILTER) == 0) {
      expression.kind = ExpressionClass::kConfirmed;
      candidate.form.flags |= HS_FLAG_PREFILTER;
      if (language::is_joined(artefact_.rules[expression.rule].target))
        candidate.form.flags &= ~HS_FLAG_SINGLEMATCH;
    } else {
      expression.kind = ExpressionClass::kPcre2;
      candidates.erase(candidates.begin() + static_cast<ptrdiff_t>(position));
    }
  }

  std::expected<void, std::string> store_database(const Place& place, const std::string& key,
                                                  hs_database_t* database) {
    char* bytes = nullptr;
    size_t length = 0;
    char* info = nullptr;
    if (hs_serialize_database(database, &bytes, &length) != HS_SUCCESS ||
        hs_database_info(database, &info) != HS_SUCCESS) {
      free(bytes);
      return std::unexpected("Hyperscan cannot serialise a database: out of memory?");
    }
    artefact_.databases.push_back(
        {place.target, place.selector, place.expression, std::vector<char>(bytes, bytes + length)});
    artefact_.provenance.platform = info;
    if (const Cache* cache = options_.placement.cache) {
      cache->store("database", key,
                   EntryWriter().text(info).text(std::string_view(bytes, length)).bytes());
    }
    free(bytes);
    free(info);
    return {};
  }

  void count_class(ExpressionClass kind) {
    switch (kind) {
      case ExpressionClass::kNative:
        ++report_.native;
        break;
      case ExpressionClass::kConfirmed:
        ++report_.confirmed;
        break;
      case ExpressionClass::kPcre2:
        ++report_.pcre2_alone;
        break;
      case ExpressionClass::kFactored:
        ++report_.factored;
        break;
    }
  }

  const language::RuleSet& set_;
  const CompileOptions& options_;
  artefact::Artefact artefact_;
  CompileReport report_;
  uint32_t counted_ = 0;
  std::vector<Searched> searched_;  // by expression
  std::map<std::pair<Target, uint32_t>, uint32_t> group_numbers_;
  std::map<language::HeaderSelector, uint32_t> selectors_;
  std::map<Place, std::vector<Candidate>> groups_;
};

}  // namespace

std::expected<Compiled, std::string> compile(const language::RuleSet& rules,
                                             const CompileOptions& options) {
  return Compiler(rules, options).compile();
}

}  // namespace postern::compile
