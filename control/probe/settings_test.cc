#include "control/probe/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::probe {
namespace {

using testing::HasSubstr;

std::expected<Settings, std::string> read(std::string_view toml) {
  const auto config = parse_config(toml, "test.toml", config_keys());
  if (!config) return std::unexpected(config.error());
  return read_settings(*config);
}

TEST(ProbeSettings, WithoutADomainThereIsNoRelayProbe) {
  const auto settings = read("");
  ASSERT_TRUE(settings.has_value()) << settings.error();
  EXPECT_EQ(settings->domain, "");
  EXPECT_EQ(settings->between, std::chrono::minutes(10));
  EXPECT_EQ(settings->per_hour, 30u);
  EXPECT_TRUE(parse_config(describe_config(config_keys()), "default", config_keys()));
}

TEST(ProbeSettings, ADomainIsEnough) {
  const auto settings = read(R"(
[probe]
domain = "probe.example.org"
source_address = "192.0.2.9"
)");
  ASSERT_TRUE(settings.has_value()) << settings.error();
  EXPECT_EQ(settings->recipient, "postern-probe@probe.example.org");
  EXPECT_EQ(settings->helo, "probe.example.org");
  EXPECT_EQ(settings->source, *IpAddress::parse("192.0.2.9"));
}

TEST(ProbeSettings, MistakesAreNamed) {
  const auto error = [](std::string_view line) {
    const auto settings = read(std::string("[probe]\n") + std::string(line));
    return settings ? std::string("none") : settings.error();
  };
  EXPECT_THAT(error("domain = 'no domain'"), HasSubstr("probe.domain"));
  EXPECT_THAT(error("domain = 'a.example'\nrecipient = 'x@y.example>\\r\\nDATA'"),
              HasSubstr("probe.recipient"));
  EXPECT_THAT(error("domain = 'a.example'\nrecipient = 'x y@z.example'"),
              HasSubstr("probe.recipient"));
  EXPECT_THAT(error("recipient = 'x@y.example'"), HasSubstr("probe.domain"));
  EXPECT_THAT(error("helo = 'a b'"), HasSubstr("probe.helo"));
  EXPECT_THAT(error("source_address = 'eth0'"), HasSubstr("probe.source_address"));
  EXPECT_THAT(error("per_hour = 0"), HasSubstr("probe.per_hour"));
}

}  // namespace
}  // namespace postern::probe
