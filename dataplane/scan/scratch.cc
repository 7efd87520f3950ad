#include "dataplane/scan/matcher.h"

namespace postern::scan {
namespace {

constexpr size_t kJitStackStart = 64 * 1024;
constexpr size_t kJitStackMost = 1024 * 1024;
constexpr size_t kCaptures = 1;  // only the bounds of the whole match are wanted

}  // namespace

MessageScan::Scratch::Impl::Impl()
    : match(pcre2_match_data_create(kCaptures, nullptr)),
      context(pcre2_match_context_create(nullptr)),
      jit_stack(pcre2_jit_stack_create(kJitStackStart, kJitStackMost, nullptr)),
      values(std::make_unique_for_overwrite<char[]>(kKeptValues + HeaderFields::kValueBytes)) {
  pcre2_set_match_limit(context, kConfirmationSteps);
  pcre2_jit_stack_assign(context, nullptr, jit_stack);
}

MessageScan::Scratch::Impl::~Impl() {
  hs_free_scratch(hyperscan);
  pcre2_jit_stack_free(jit_stack);
  pcre2_match_context_free(context);
  pcre2_match_data_free(match);
}

// Never less than there was: the scratch may serve several sets.
void MessageScan::Scratch::Impl::make_room(const SignatureSet::Compiled& compiled) {
  if (tried.size() < compiled.expressions.size()) tried.resize(compiled.expressions.size());
  notes.prepare(compiled.expressions.size());
  pending.prepare(compiled.expressions.size());
  metas.prepare(compiled);
}

MessageScan::Scratch::Scratch() : impl_(std::make_unique<Impl>()) {}
MessageScan::Scratch::~Scratch() = default;

std::expected<void, std::string> MessageScan::Scratch::prepare(const SignatureSet& set) {
  const SignatureSet::Compiled& compiled = set.compiled();
  const auto allocate = [&](const HsDatabase& database) {
    return database == nullptr || hs_alloc_scratch(database.get(), &impl_->hyperscan) == HS_SUCCESS;
  };
  bool ok = true;
  for (const MatchPlan& plan : compiled.targets) ok = ok && allocate(plan.database);
  for (const HeaderPlan& plan : compiled.headers) ok = ok && allocate(plan.match.database);
  for (const CompiledExpression& expression : compiled.expressions) {
    ok = ok && allocate(expression.alone);
  }
  if (!ok)
    return std::unexpected(
        "no memory for Hyperscan's scratch space; free some memory and try again");
  impl_->make_room(compiled);
  return {};
}

}  // namespace postern::scan
