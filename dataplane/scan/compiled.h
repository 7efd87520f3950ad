// A signature set made ready to run: databases deserialised, expressions compiled, rules sorted by
// where they are looked for.
#pragma once

#include <hs/hs.h>

#include <array>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/scan/evals/eval_plan.h"
#include "dataplane/scan/factor_search.h"
#include "dataplane/scan/header_fields.h"
#include "dataplane/scan/list_plan.h"
#include "dataplane/scan/scanner.h"
#include "patterns/artefact/artefact.h"
#include "patterns/language/regexp.h"

namespace postern::scan {

struct HsDatabaseFree {
  void operator()(hs_database_t* database) const { hs_free_database(database); }
};
using HsDatabase = std::unique_ptr<hs_database_t, HsDatabaseFree>;

struct CompiledExpression {
  uint32_t rule = 0;
  artefact::ExpressionClass kind = artefact::ExpressionClass::kNative;
  bool no_subject = false;
  uint32_t counter = artefact::kNone;  // tflags multiple: index of its count
  uint32_t maximum_hits = 0;
  language::Pcre2Code code;  // null when Hyperscan alone decides
  bool has_jit = false;
  HsDatabase alone;           // null: it is searched for together with others
  bool serves_metas = false;  // a sub-rule's: what it matches need not be known at once
};

// Where texts of one target, or values of one header selector, are matched.
struct MatchPlan {
  HsDatabase database;                    // null: no expression needs it
  std::unique_ptr<FactorSearch> factors;  // null: no expression is factored
  std::vector<uint32_t> alone;            // expressions by themselves: by Hyperscan or PCRE2
  bool empty() const { return database == nullptr && factors == nullptr && alone.empty(); }
};

// Fields of MIME parts that one set may ask for.
inline constexpr size_t kMostPartFields = 32;

struct HeaderPlan {
  language::HeaderSelector selector;
  MatchPlan match;
  std::vector<uint32_t> negated;           // rules
  std::vector<uint32_t> hit_when_present;  // rules: exists:
  std::vector<uint32_t> hit_when_absent;   // rules
};

struct SignatureSet::Compiled {
  std::string name;
  std::string digest;
  std::vector<artefact::Rule> rules;
  std::vector<CompiledExpression> expressions;
  std::vector<uint32_t> counter_of_rule;  // kNone: not counted
  uint32_t counters = 0;
  std::array<MatchPlan, language::kTargetNames.size()> targets;  // those of headers are below
  std::vector<HeaderPlan> headers;
  std::vector<uint32_t> part_headers;  // those of `headers` that are about MIME parts
  std::unique_ptr<FieldTable> fields;
  std::vector<artefact::Meta> metas;
  std::vector<std::vector<uint32_t>> metas_waiting_for;  // by rule (meta_triggers.h)
  std::vector<uint32_t> metas_always;                    // those that wait for no rule
  std::vector<uint32_t> meta_of_rule;                    // kNone: it is no meta
  std::vector<float> prices;                             // by rule: of finding out about it
  evals::EvalPlan evals;
  ListPlan lists;
  artefact::Provenance provenance;
  std::shared_ptr<const artefact::MappedFile> mapping;  // what is read in place lies here

  const MatchPlan& plan(language::Target target) const {
    return targets[static_cast<size_t>(target)];
  }
  MatchPlan& plan(language::Target target) { return targets[static_cast<size_t>(target)]; }

  // What the rules need to be told beyond SpamAssassin's renderings.
  mime::Renderings renderings() const {
    using enum language::Target;
    return {.hidden = !plan(kHidden).empty(),
            .skeleton = !plan(kSkeleton).empty(),
            .links = !plan(kUriDomain).empty() || lists.needs_links(),
            .part_headers = !part_headers.empty(),
            .digests = lists.needs_digests(),
            .facts = evals.needs(evals::kNeedsReading),
            .raw = !plan(kRawBody).empty() || evals.needs(evals::kNeedsText),
            .uris = !plan(kUri).empty() || !lists.empty(),
            .link_uris = lists.needs_links()};
  }

  static std::expected<std::unique_ptr<Compiled>, std::string> make(artefact::ArtefactFile file,
                                                                    std::string name);
};

}  // namespace postern::scan
