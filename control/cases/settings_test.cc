#include "control/cases/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::cases {
namespace {

using testing::HasSubstr;

std::expected<Settings, std::string> read(std::string_view toml) {
  const auto config = parse_config(toml, "control.toml", config_keys());
  if (!config) return std::unexpected(config.error());
  return read_settings(*config);
}

TEST(CaseSettings, DefaultsAreThoseOfRestoration) {
  const auto settings = read("");
  ASSERT_TRUE(settings.has_value()) << settings.error();
  const RestorationSettings usual;
  EXPECT_EQ(settings->restoration.marks.quiet_s, usual.marks.quiet_s);
  EXPECT_EQ(settings->restoration.policy_approves, usual.policy_approves);
  EXPECT_EQ(settings->restoration.relapse_messages, usual.relapse_messages);
  ASSERT_EQ(settings->restoration.probation.size(), usual.probation.size());
  for (size_t i = 0; i < usual.probation.size(); ++i) {
    EXPECT_EQ(settings->restoration.probation[i].messages_per_minute,
              usual.probation[i].messages_per_minute);
    EXPECT_EQ(settings->restoration.probation[i].seconds, usual.probation[i].seconds);
  }
}

TEST(CaseSettings, AStepIsARateAndATime) {
  const auto settings = read("[restoration]\nprobation = [\"7/min for 1h30m\"]\n");
  ASSERT_TRUE(settings.has_value()) << settings.error();
  ASSERT_EQ(settings->restoration.probation.size(), 1u);
  EXPECT_EQ(settings->restoration.probation[0].messages_per_minute, 7u);
  EXPECT_EQ(settings->restoration.probation[0].seconds, 5'400u);
  for (const char* wrong :
       {"7", "0/min for 1h", "7/min for 5", "7/min for 0", "x/min for 1h", ""}) {
    const auto refused = read(std::string("[restoration]\nprobation = [\"") + wrong + "\"]\n");
    ASSERT_FALSE(refused.has_value()) << wrong;
    EXPECT_THAT(refused.error(), HasSubstr("5/min for 4h"));
  }
  EXPECT_TRUE(read("[restoration]\nprobation = []\n")->restoration.probation.empty());
}

TEST(CaseSettings, ThePageIsAnAddress) {
  EXPECT_FALSE(read("[cases]\npage = \"relay.example/c/\"\n").has_value());
  EXPECT_EQ(read("[cases]\npage = \"https://relay.example/c/\"\n")->page_url,
            "https://relay.example/c/");
}

}  // namespace
}  // namespace postern::cases
