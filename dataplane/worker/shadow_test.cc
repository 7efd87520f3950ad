// A shadow set sees messages and decides nothing; sets are counted until their last message ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/scan/testing/literal_scan.h"
#include "dataplane/worker/testing/wire.h"

namespace postern::worker::testing {
namespace {

using ::testing::SizeIs;

class Shadow : public ::testing::Test {
 protected:
  static PipelineConfig config() {
    PipelineConfig config = Wire::small();
    config.shadow_messages = 1;
    config.without_signature_set = FailMode::kOpen;
    return config;
  }
  Shadow() { wire_.pipeline->use_signature_set(nullptr, 2, nullptr, scan::testing::literal_set()); }
  // One message on a connection of its own; its event.
  Event event_of(const char* text) {
    Dialogue d(wire_, ++port_);
    d.until_data();
    EXPECT_THAT(d.client(text), SizeIs(1)) << "not forwarded as it came";
    d.server("250 Ok\r\n");
    return wire_.events.events.back();
  }

  Wire wire_{config()};
  uint16_t port_ = 40000;
};

TEST_F(Shadow, ScoresAndDecidesNothing) {
  const Event spam = event_of(kSpam);
  EXPECT_EQ(spam.outcome, Outcome::kForwarded);
  EXPECT_EQ(spam.score, 0);
  EXPECT_EQ(spam.shadow, ShadowScan::kScored);
  EXPECT_EQ(spam.shadow_score, 10);
  EXPECT_EQ(spam.shadow_rules_count, 1u);
  EXPECT_EQ(spam.threshold, 5);
  const Event ham = event_of(kHam);
  EXPECT_EQ(ham.shadow, ShadowScan::kScored);
  EXPECT_EQ(ham.shadow_score, 0);
  EXPECT_EQ(wire_.counters.get(Counter::kShadowScanned), 2u);
}

TEST_F(Shadow, MayFail) {
  const Event event = event_of("SCAN-FAILS\r\n.\r\n");
  EXPECT_EQ(event.outcome, Outcome::kForwarded);
  EXPECT_EQ(event.shadow, ShadowScan::kFailed);
  EXPECT_EQ(wire_.counters.get(Counter::kShadowErrors), 1u);
  EXPECT_EQ(wire_.counters.get(Counter::kScanErrors), 0u);
}

TEST_F(Shadow, GoesWithoutMessagesWhenItsMemoryIsUsed) {
  Dialogue first(wire_, 41000);
  first.until_data();
  EXPECT_EQ(event_of(kSpam).shadow, ShadowScan::kNone);
  EXPECT_EQ(wire_.counters.get(Counter::kShadowSkipped), 1u);
  first.client(kHam);
  first.server("250 Ok\r\n");
  EXPECT_EQ(wire_.events.events.back().shadow, ShadowScan::kScored);
  EXPECT_EQ(event_of(kSpam).shadow, ShadowScan::kScored);
}

// A message that never ended has no score, and gives its memory back.
TEST_F(Shadow, OfAnAbandonedMessageSaysNothing) {
  Dialogue first(wire_, 41000);
  first.until_data();
  first.client("SPAM-HERE\r\n");
  wire_.pipeline->clear(wire_.now);
  EXPECT_EQ(wire_.events.events.back().outcome, Outcome::kAbandoned);
  EXPECT_EQ(wire_.events.events.back().shadow, ShadowScan::kNone);
  EXPECT_EQ(event_of(kSpam).shadow, ShadowScan::kScored);
}

TEST_F(Shadow, AFormerSetIsInUseUntilItsLastMessageEnds) {
  Dialogue old(wire_, 41000);
  old.until_data();
  EXPECT_EQ(wire_.pipeline->messages_of_former_sets(), 0u);
  const auto set = scan::testing::literal_set();
  wire_.pipeline->use_signature_set(set, 3, nullptr);
  EXPECT_EQ(wire_.pipeline->messages_of_former_sets(), 1u);
  // Mail goes on, so that there is always a message under way: the former set must not wait for it.
  Dialogue young(wire_, 41001);
  young.until_data();
  EXPECT_EQ(wire_.pipeline->messages_of_former_sets(), 1u);
  EXPECT_THAT(old.client(kSpam), SizeIs(1));  // begun without a set
  old.server("250 Ok\r\n");
  EXPECT_EQ(wire_.pipeline->messages_in_flight(), 1u);
  EXPECT_EQ(wire_.pipeline->messages_of_former_sets(), 0u);
  EXPECT_EQ(set.use_count(), 3);  // ours, the desk's, and that of the message under way
}

}  // namespace
}  // namespace postern::worker::testing
