#include "control/policy/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::policy {
namespace {

using ledger::Step;
using testing::HasSubstr;

std::expected<Settings, std::string> read(std::string_view toml) {
  const auto config = parse_config(toml, "control.toml", config_keys());
  if (!config) return std::unexpected(config.error());
  return read_settings(*config);
}

TEST(PolicySettings, TheShippedLadderRises) {
  const Settings usual = usual_settings();
  ASSERT_EQ(usual.ladder.size(), 5u);
  uint64_t spam = 0;
  double share = 0;
  for (size_t i = 0; i < usual.ladder.size(); ++i) {
    EXPECT_EQ(static_cast<size_t>(usual.ladder[i].step), i);
    EXPECT_GT(usual.ladder[i].spam, spam);
    EXPECT_GE(usual.ladder[i].share, share);
    spam = usual.ladder[i].spam;
    share = usual.ladder[i].share;
  }
}

TEST(PolicySettings, ARungIsChangedByItsSection) {
  const auto settings = read(R"(
[policy]
exempt = ["198.51.100.0/24"]
[policy.block]
spam = 7
share = 0.5
window = "5m"
holds_for = "2d"
[policy.revoke]
enabled = false
)");
  ASSERT_TRUE(settings.has_value()) << settings.error();
  const Rung& block = settings->ladder[3];
  EXPECT_EQ(block.step, Step::kBlock);
  EXPECT_EQ(block.spam, 7u);
  EXPECT_EQ(block.share, 0.5);
  EXPECT_EQ(block.window_s, 300u);
  EXPECT_EQ(block.holds_for_s, 172'800u);
  EXPECT_FALSE(settings->ladder[4].enabled);
  ASSERT_EQ(settings->exempt.size(), 1u);
}

TEST(PolicySettings, WhatMakesNoSenseIsNamed) {
  for (const char* wrong : {"[policy.block]\nwindow = \"2d\"", "[policy.block]\nwindow = \"10s\"",
                            "[policy.block]\nshare = 1.5", "[policy.block]\nspam = 100000",
                            "[policy]\nexempt = [\"example.net\"]", "[policy]\nmost_parts = 0",
                            "[policy.jail]\nspam = 1"})
    EXPECT_FALSE(read(wrong).has_value()) << wrong;
  EXPECT_THAT(read("[policy.block]\nshare = 1.5").error(), HasSubstr("policy.block.share"));
}

}  // namespace
}  // namespace postern::policy
