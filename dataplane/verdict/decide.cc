#include "dataplane/verdict/decide.h"

namespace postern::verdict {

using worker::Outcome;

Decision decide(const Verdict& verdict, const Findings& findings, const DecisionPolicy& policy,
                const Now& now) {
  const Treatment treatment = verdict.treatment;
  if (treatment == Treatment::kPass) return {Outcome::kForwarded};
  if (treatment == Treatment::kRefuse || treatment == Treatment::kDrop) {
    return {Outcome::kRefusedVerdict};
  }
  if (findings.smuggling && policy.smuggling == SmugglingMode::kRefuse) {
    return {Outcome::kRefusedSmuggling};
  }
  const bool scanned = findings.has_signature_set && !findings.scan_failed;
  if (scanned && findings.score >= policy.threshold) return {Outcome::kRefusedContent};
  if (treatment == Treatment::kHold) return {Outcome::kDeferredHold};
  if (treatment == Treatment::kThrottle && verdict.bucket != nullptr &&
      !verdict.bucket->take(verdict.messages_per_minute, now.monotonic_us)) {
    return {Outcome::kDeferredThrottle};
  }
  if (scanned) return {Outcome::kForwarded};
  const FailMode mode =
      findings.has_signature_set ? policy.scan_error : policy.without_signature_set;
  if (mode == FailMode::kClosed) return {Outcome::kDeferredFault};
  return {Outcome::kForwarded, true};
}

}  // namespace postern::verdict
