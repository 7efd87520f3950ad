#include "dataplane/verdict/decide.h"

#include <gtest/gtest.h>

namespace postern::verdict {
namespace {

using worker::Outcome;
using enum Treatment;

constexpr Now kNow{.monotonic_us = 9'000'000'000, .wall_us = 1'700'000'000'000'000};
constexpr Findings kHam{.has_signature_set = true, .score = 4.999};
constexpr Findings kSpam{.has_signature_set = true, .score = 5.0};
constexpr Findings kSmuggled{.has_signature_set = true, .score = 9, .smuggling = true};
constexpr Findings kScanFailed{.has_signature_set = true, .scan_failed = true, .score = 9};
constexpr Findings kNoSet{};
constexpr DecisionPolicy kOpen{};
constexpr DecisionPolicy kClosed{.without_signature_set = FailMode::kClosed,
                                 .scan_error = FailMode::kClosed};
constexpr DecisionPolicy kLetSmugglingPass{.smuggling = SmugglingMode::kForward};

struct Row {
  const char* what;
  Treatment treatment;
  Findings findings;
  DecisionPolicy policy;
  Decision expected;
};

const Row kRows[] = {
    {"ham", kInspect, kHam, kOpen, {Outcome::kForwarded}},
    {"the threshold itself is spam", kInspect, kSpam, kOpen, {Outcome::kRefusedContent}},
    {"pass is not inspected", kPass, kSmuggled, kOpen, {Outcome::kForwarded}},
    {"blocked, ham", kRefuse, kHam, kOpen, {Outcome::kRefusedVerdict}},
    {"blocked before smuggling and spam", kRefuse, kSmuggled, kOpen, {Outcome::kRefusedVerdict}},
    {"drop in an open flow", kDrop, kHam, kOpen, {Outcome::kRefusedVerdict}},
    {"smuggling before spam", kInspect, kSmuggled, kOpen, {Outcome::kRefusedSmuggling}},
    {"smuggling let pass, spam still spam",
     kInspect,
     kSmuggled,
     kLetSmugglingPass,
     {Outcome::kRefusedContent}},
    {"smuggling needs no signature set",
     kInspect,
     {.smuggling = true},
     kOpen,
     {Outcome::kRefusedSmuggling}},
    {"hold, ham", kHold, kHam, kOpen, {Outcome::kDeferredHold}},
    {"hold, spam is refused for good", kHold, kSpam, kOpen, {Outcome::kRefusedContent}},
    {"hold before a fault", kHold, kNoSet, kClosed, {Outcome::kDeferredHold}},
    {"no set, open", kInspect, kNoSet, kOpen, {Outcome::kForwarded, true}},
    {"no set, closed", kInspect, kNoSet, kClosed, {Outcome::kDeferredFault}},
    {"scan error, open: its score counts for nothing",
     kInspect,
     kScanFailed,
     kOpen,
     {Outcome::kForwarded, true}},
    {"scan error, closed", kInspect, kScanFailed, kClosed, {Outcome::kDeferredFault}},
    {"each fault has its own mode",
     kInspect,
     kScanFailed,
     {.without_signature_set = FailMode::kClosed},
     {Outcome::kForwarded, true}},
    {"each fault has its own mode, too",
     kInspect,
     kNoSet,
     {.scan_error = FailMode::kClosed},
     {Outcome::kForwarded, true}},
};

TEST(Decide, FollowsItsOrderOfPrecedence) {
  for (const Row& row : kRows) {
    const Decision made = decide({.treatment = row.treatment}, row.findings, row.policy, kNow);
    EXPECT_EQ(made, row.expected) << row.what;
  }
}

TEST(Decide, ThrottleDefersWhatIsOverTheAllowance) {
  ThrottleBucket bucket;
  const Verdict throttle{kThrottle, 2, {}, &bucket};
  EXPECT_EQ(decide(throttle, kHam, kOpen, kNow).outcome, Outcome::kForwarded);
  // Spam is refused as spam and spends nothing.
  EXPECT_EQ(decide(throttle, kSpam, kOpen, kNow).outcome, Outcome::kRefusedContent);
  EXPECT_EQ(decide(throttle, kHam, kOpen, kNow).outcome, Outcome::kForwarded);
  EXPECT_EQ(decide(throttle, kHam, kOpen, kNow).outcome, Outcome::kDeferredThrottle);
  EXPECT_EQ(decide(throttle, kNoSet, kClosed, kNow).outcome, Outcome::kDeferredThrottle);
  EXPECT_EQ(decide(throttle, kSpam, kOpen, kNow).outcome, Outcome::kRefusedContent);
}

}  // namespace
}  // namespace postern::verdict
