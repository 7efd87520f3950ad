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
      value(std::make_unique_for_overwrite<char[]>(HeaderFields::kValueBytes)) {
  pcre2_set_match_limit(context, kConfirmationSteps);
  pcre2_jit_stack_assign(context, nullptr, jit_stack);
}

MessageScan::Scratch::Impl::~Impl() {
  hs_free_scratch(hyperscan);
  pcre2_jit_stack_free(jit_stack);
  pcre2_match_context_free(context);
  pcre2_match_data_free(match);
}

MessageScan::Scratch::Scratch() : impl_(std::make_unique<Impl>()) {}
MessageScan::Scratch::~Scratch() = default;

std::expected<void, std::string> MessageScan::Scratch::prepare(const SignatureSet& set) {
  const SignatureSet::Compiled& compiled = set.compiled();
  const auto allocate = [&](const MatchPlan& plan) {
    return plan.database == nullptr ||
           hs_alloc_scratch(plan.database.get(), &impl_->hyperscan) == HS_SUCCESS;
  };
  bool ok = true;
  for (const MatchPlan& plan : compiled.targets) ok = ok && allocate(plan);
  for (const HeaderPlan& plan : compiled.headers) ok = ok && allocate(plan.match);
  if (!ok)
    return std::unexpected(
        "no memory for Hyperscan's scratch space; free some memory and try again");
  if (impl_->tried.size() < compiled.expressions.size())
    impl_->tried.resize(compiled.expressions.size());
  impl_->notes.prepare(compiled.expressions.size());
  if (impl_->values.size() < compiled.rules.size()) impl_->values.resize(compiled.rules.size());
  const size_t meta_words = (compiled.metas.size() + 63) / 64;
  if (impl_->metas.size() < meta_words) impl_->metas.resize(meta_words);
  return {};
}

}  // namespace postern::scan
