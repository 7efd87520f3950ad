#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "dataplane/scan/compiled.h"
#include "dataplane/scan/matcher.h"
#include "dataplane/scan/meta_triggers.h"

namespace postern::scan {
namespace {

using artefact::ExpressionClass;
using language::Target;

std::expected<HsDatabase, std::string> deserialise(const artefact::Database& database,
                                                   const artefact::Provenance& provenance) {
  hs_database_t* raw = nullptr;
  const hs_error_t code =
      hs_deserialize_database(database.bytes.data(), database.bytes.size(), &raw);
  if (code == HS_SUCCESS) return HsDatabase(raw);
  constexpr std::string_view kAgain =
      "compile the set again on this machine: postern signatures compile";
  if (code == HS_DB_VERSION_ERROR) {
    return std::unexpected(fmt::format("was compiled for Hyperscan {}, this machine has {}; {}",
                                       provenance.hyperscan, hs_version(), kAgain));
  }
  if (code == HS_DB_PLATFORM_ERROR) {
    return std::unexpected(
        fmt::format("was compiled for another processor ({}); {}", provenance.platform, kAgain));
  }
  return std::unexpected(
      fmt::format("holds a database that Hyperscan refuses (error {}); {}", code, kAgain));
}

class Loader {
 public:
  Loader(artefact::Artefact artefact, SignatureSet::Compiled& out)
      : in_(std::move(artefact)), out_(out) {}

  std::expected<void, std::string> load() {
    // Fields that functions and lists ask for stand behind those of header rules.
    std::vector<language::HeaderSelector> selectors = in_.selectors;
    if (auto loaded = out_.evals.load(in_, selectors); !loaded) return loaded;
    if (auto loaded = out_.lists.load(std::move(in_.lists), in_.rules, selectors); !loaded)
      return loaded;
    out_.fields = std::make_unique<FieldTable>(selectors);
    out_.evals.keep(std::move(selectors));
    if (out_.fields->overflowed()) {
      return std::unexpected(fmt::format("asks for more than {} header fields; split the set",
                                         FieldTable::kMostFields));
    }
    for (const auto& selector : in_.selectors) {
      if (selector.source == language::HeaderSelector::Source::kPartField) {
        out_.part_headers.push_back(static_cast<uint32_t>(out_.headers.size()));
      }
      out_.headers.push_back({selector, {}, {}, {}, {}});
    }
    if (out_.part_headers.size() > kMostPartFields) {
      return std::unexpected(fmt::format(
          "asks for more than {} fields of MIME parts; split the set", kMostPartFields));
    }
    add_rules();
    if (auto added = add_expressions(); !added) return added;
    for (const auto& database : in_.databases) {
      auto ready = deserialise(database, in_.provenance);
      if (!ready) return std::unexpected(std::move(ready.error()));
      MatchPlan& plan = plan_of(database.target, database.selector);
      if (database.expression != artefact::kNone) {
        if (auto added = add_alone(plan, database, std::move(*ready)); !added) return added;
        continue;
      }
      if (plan.database != nullptr) return std::unexpected("holds two databases for one target");
      plan.database = std::move(*ready);
    }
    add_factors();
    out_.rules = std::move(in_.rules);
    out_.metas = std::move(in_.metas);
    add_meta_uses();
    out_.provenance = std::move(in_.provenance);
    return {};
  }

 private:
  void add_rules() {
    out_.counter_of_rule.assign(in_.rules.size(), artefact::kNone);
    for (uint32_t i = 0; i < in_.rules.size(); ++i) {
      const artefact::Rule& rule = in_.rules[i];
      if (rule.flags & artefact::kOff) continue;
      if (rule.flags & artefact::kMultiple) out_.counter_of_rule[i] = out_.counters++;
      if (!language::has_selector(rule.target)) continue;
      HeaderPlan& plan = out_.headers[rule.selector];
      if (rule.flags & artefact::kExists) plan.hit_when_present.push_back(i);
      if (rule.flags & artefact::kNegated) plan.negated.push_back(i);
      if (rule.flags & artefact::kHitsWhenAbsent) plan.hit_when_absent.push_back(i);
    }
  }

  std::expected<void, std::string> add_expressions() {
    for (uint32_t i = 0; i < in_.expressions.size(); ++i) {
      const artefact::Expression& expression = in_.expressions[i];
      const artefact::Rule& rule = in_.rules[expression.rule];
      CompiledExpression& out = out_.expressions.emplace_back();
      anchors_.push_back(FactorSearch::Anchor::kNone);
      out.rule = expression.rule;
      out.kind = expression.kind;
      if (rule.flags & artefact::kOff) continue;
      out.no_subject = (rule.flags & artefact::kNoSubject) != 0;
      out.serves_metas = (rule.flags & artefact::kSubRule) != 0;
      out.counter = out_.counter_of_rule[expression.rule];
      out.maximum_hits = rule.maximum_hits;
      if (expression.kind == ExpressionClass::kNative) continue;
      const bool factored = expression.kind == ExpressionClass::kFactored;
      auto code = language::compile_pcre2(expression.regexp, factored ? PCRE2_USE_OFFSET_LIMIT : 0);
      if (!code) return std::unexpected(fmt::format("rule {}: {}", rule.name, code.error().what));
      // Without JIT, where the library lacks it, the expression still matches, only slower.
      out.has_jit = pcre2_jit_compile(code->get(), PCRE2_JIT_COMPLETE) == 0;
      out.code = std::move(*code);
      if (factored) anchors_.back() = FactorSearch::anchor_of(out.code.get());
      if (expression.kind != ExpressionClass::kPcre2) continue;
      plan_of(rule.target, rule.selector).alone.push_back(i);
    }
    return {};
  }

  std::expected<void, std::string> add_alone(MatchPlan& plan, const artefact::Database& database,
                                             HsDatabase ready) {
    CompiledExpression& expression = out_.expressions[database.expression];
    const artefact::Rule& rule = in_.rules[expression.rule];
    if (rule.target != database.target || rule.selector != database.selector)
      return std::unexpected("holds a database of another target's expression");
    if (rule.flags & artefact::kOff) return {};
    if (expression.alone != nullptr || expression.kind == ExpressionClass::kPcre2)
      return std::unexpected("holds a database for what has one");
    expression.alone = std::move(ready);
    plan.alone.push_back(database.expression);
    return {};
  }

  // Of rules that are off there is nothing to look for.
  void add_factors() {
    std::map<MatchPlan*, std::vector<artefact::Factor>> groups;
    for (artefact::Factor& factor : in_.factors) {
      const artefact::Rule& rule = in_.rules[in_.expressions[factor.expression].rule];
      if (rule.flags & artefact::kOff) continue;
      groups[&plan_of(rule.target, rule.selector)].push_back(std::move(factor));
    }
    std::map<MatchPlan*, std::vector<artefact::MatchStarts>> starts;
    for (artefact::MatchStarts& of : in_.starts) {
      const artefact::Rule& rule = in_.rules[in_.expressions[of.expression].rule];
      if (rule.flags & artefact::kOff) continue;
      starts[&plan_of(rule.target, rule.selector)].push_back(std::move(of));
    }
    for (auto& [plan, factors] : groups) {
      plan->factors = std::make_unique<FactorSearch>(factors, std::move(starts[plan]), anchors_);
    }
  }

  static constexpr double kOften = 10;
  // How often a rule is hit, roughly: what tells that something is missing, or is there, nearly
  // always.
  double usual_hits(const artefact::Rule& rule) const {
    constexpr uint32_t kUsual = artefact::kExists | artefact::kNegated | artefact::kHitsWhenAbsent;
    return rule.flags & kUsual || is_alone(rule) ? kOften : 1;
  }
  // Then it may be hit in any message until it is asked for.
  bool is_alone(const artefact::Rule& rule) const {
    if (rule.expression == artefact::kNone) return false;
    const CompiledExpression& expression = out_.expressions[rule.expression];
    return expression.alone != nullptr || expression.kind == ExpressionClass::kPcre2;
  }

  // What it costs to find out about a rule that is pending, roughly: by how much text there is, and
  // by the size of what PCRE2 runs.
  float usual_price(const artefact::Rule& rule) const {
    if (rule.expression == artefact::kNone) return 0;
    size_t bytes = 0;
    const auto* code = out_.expressions[rule.expression].code.get();
    if (code != nullptr) pcre2_pattern_info(code, PCRE2_INFO_SIZE, &bytes);
    float texts = rule.target == Target::kBody ? 2 : rule.target == Target::kRawBody ? 4 : 1;
    constexpr float kUsualBytes = 1024;
    constexpr float kWholeText = 10;
    if (is_alone(rule)) texts *= kWholeText;
    return texts * (1 + static_cast<float>(bytes) / kUsualBytes);
  }

  void add_meta_uses() {
    out_.metas_waiting_for.resize(out_.rules.size());
    out_.meta_of_rule.assign(out_.rules.size(), artefact::kNone);
    for (const artefact::Rule& rule : out_.rules) out_.prices.push_back(usual_price(rule));
    std::vector<double> weights;
    for (const artefact::Rule& rule : out_.rules) weights.push_back(usual_hits(rule));
    for (uint32_t i = 0; i < out_.metas.size(); ++i) {
      const artefact::Meta& meta = out_.metas[i];
      out_.meta_of_rule[meta.rule] = i;
      for (const artefact::MetaInstruction& instruction : meta.code) {
        if (instruction.op == language::MetaOperator::kRule) {
          out_.prices[meta.rule] += out_.prices[instruction.rule];
        }
      }
      const auto triggers = meta_triggers(meta, weights);
      if (!triggers) {
        out_.metas_always.push_back(i);
        weights[meta.rule] = kOften;
        continue;
      }
      weights[meta.rule] = 0;
      for (const uint32_t rule : *triggers) {
        out_.metas_waiting_for[rule].push_back(i);
        weights[meta.rule] += weights[rule];
      }
    }
  }

  MatchPlan& plan_of(Target target, uint32_t selector) {
    return language::has_selector(target) ? out_.headers[selector].match : out_.plan(target);
  }

  artefact::Artefact in_;
  SignatureSet::Compiled& out_;
  std::vector<FactorSearch::Anchor> anchors_;  // by expression
};

}  // namespace

std::expected<std::unique_ptr<SignatureSet::Compiled>, std::string> SignatureSet::Compiled::make(
    artefact::ArtefactFile file, std::string name) {
  auto compiled = std::make_unique<Compiled>();
  compiled->name = std::move(name);
  compiled->digest = std::move(file.digest);
  compiled->mapping = std::move(file.mapping);
  auto loaded = Loader(std::move(file.artefact), *compiled).load();
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return compiled;
}

SignatureSet::~SignatureSet() = default;

std::expected<std::shared_ptr<const SignatureSet>, std::string> SignatureSet::load(
    const std::filesystem::path& path) {
  auto file = artefact::read(path);
  if (!file) return std::unexpected(std::move(file.error()));
  return make(std::move(*file), path.filename().string());
}

std::expected<std::shared_ptr<const SignatureSet>, std::string> SignatureSet::make(
    artefact::ArtefactFile file, std::string name) {
  auto compiled = Compiled::make(std::move(file), name);
  if (!compiled) return std::unexpected(fmt::format("{}: {}", name, compiled.error()));
  std::shared_ptr<SignatureSet> set(new SignatureSet);
  set->compiled_ = std::move(*compiled);
  return set;
}

uint32_t SignatureSet::rule_count() const { return static_cast<uint32_t>(compiled_->rules.size()); }
std::string_view SignatureSet::rule_name(uint32_t rule) const {
  return compiled_->rules[rule].name;
}
double SignatureSet::rule_score(uint32_t rule) const { return compiled_->rules[rule].score; }
std::string_view SignatureSet::rule_description(uint32_t rule) const {
  return compiled_->rules[rule].description;
}
bool SignatureSet::has_envelope_rules() const {
  using enum Target;
  return std::ranges::any_of(std::array{kHelo, kMailFrom, kRcptTo, kAuthUser, kEnvelope},
                             [this](Target t) { return !compiled_->plan(t).empty(); });
}
bool SignatureSet::wants_envelope() const {
  return has_envelope_rules() || compiled_->evals.needs(evals::kNeedsHeaders) ||
         compiled_->lists.wants_envelope();
}
std::string_view SignatureSet::name() const { return compiled_->name; }
const std::string& SignatureSet::digest() const { return compiled_->digest; }

}  // namespace postern::scan
