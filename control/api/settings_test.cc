#include "control/api/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::api {
namespace {

using testing::HasSubstr;

std::expected<Settings, std::string> read(const std::string& toml) {
  const auto values = parse_config(toml, "test", config_keys());
  EXPECT_TRUE(values) << values.error();
  return read_settings(*values);
}

TEST(ApiSettings, LoopbackByDefault) {
  const auto settings = read("");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->address, "127.0.0.1");
  EXPECT_EQ(settings->port, 8480);
}

TEST(ApiSettings, NothingSwitchesItOff) { EXPECT_EQ(read("api.listen = ''")->address, ""); }

TEST(ApiSettings, BeyondLoopbackWantsTls) {
  EXPECT_THAT(read("api.listen = '192.0.2.1:8480'").error(), HasSubstr("beyond loopback"));
  EXPECT_THAT(read("api.listen = '0.0.0.0:8480'").error(), HasSubstr("beyond loopback"));
  EXPECT_THAT(read("api.listen = '[::]:8480'").error(), HasSubstr("beyond loopback"));
  EXPECT_TRUE(read("api.listen = '192.0.2.1:8480'\napi.plain_beyond_loopback = true"));
  EXPECT_TRUE(read("api.listen = '192.0.2.1:8480'\napi.certificate = '/c'\napi.key = '/k'"));
  EXPECT_TRUE(read("api.listen = '[::1]:8480'"));
}

TEST(ApiSettings, MistakesAreNamed) {
  EXPECT_THAT(read("api.listen = 'localhost:8480'").error(), HasSubstr("api.listen"));
  EXPECT_THAT(read("api.listen = '127.0.0.1'").error(), HasSubstr("api.listen"));
  EXPECT_THAT(read("api.listen = '::1:8480'").error(), HasSubstr("api.listen"));
  EXPECT_THAT(read("api.listen = '127.0.0.1:84800'").error(), HasSubstr("api.listen"));
  EXPECT_THAT(read("api.key = '/k'").error(), HasSubstr("belong together"));
}

}  // namespace
}  // namespace postern::api
