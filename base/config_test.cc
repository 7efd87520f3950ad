#include "base/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace postern {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::vector<ConfigKey> kKeys{
    {.name = "ports.inside",
     .default_value = "0000:03:00.0",
     .help = "Customers' side.",
     .required = true},
    {.name = "ports.mail",
     .type = ConfigType::kIntegerList,
     .default_value = "[25]",
     .help = "TCP ports that carry mail.",
     .minimum = 1,
     .maximum = 65535},
    {.name = "signatures.threshold",
     .type = ConfigType::kNumber,
     .default_value = "5.0",
     .help = "Score from which a message is refused."},
    {.name = "signatures.fail",
     .type = ConfigType::kChoice,
     .default_value = "closed",
     .help = "What becomes of mail that cannot be scanned.",
     .choices = {"closed", "open"}},
    {.name = "flows.maximum",
     .type = ConfigType::kInteger,
     .default_value = "1000",
     .help = "Flows.",
     .minimum = 1},
    {.name = "flows.idle",
     .type = ConfigType::kDuration,
     .default_value = "10m",
     .help = "Idle timeout.",
     .minimum = 1000},
    {.name = "flows.hosts", .type = ConfigType::kTextList, .default_value = "[]", .help = "Hosts."},
    {.name = "flows.strict",
     .type = ConfigType::kBoolean,
     .default_value = "false",
     .help = "Strict."},
};

std::string error_of(std::string_view toml) {
  const auto values = parse_config(toml, "postern.toml", kKeys);
  EXPECT_FALSE(values.has_value()) << toml;
  return values ? "" : values.error();
}

TEST(Config, GivesWhatTheFileSaysAndDefaultsForTheRest) {
  const auto values = parse_config(R"([ports]
inside = "eth0"
mail = [25, 587]
[flows]
idle = "1h30m"
hosts = ["a", "b"]
strict = true
)",
                                   "postern.toml", kKeys);
  ASSERT_TRUE(values.has_value()) << values.error();
  EXPECT_EQ(values->text("ports.inside"), "eth0");
  EXPECT_THAT(values->integer_list("ports.mail"), ElementsAre(25, 587));
  EXPECT_EQ(values->duration("flows.idle"), milliseconds(5'400'000));
  EXPECT_THAT(values->text_list("flows.hosts"), ElementsAre("a", "b"));
  EXPECT_TRUE(values->boolean("flows.strict"));
  EXPECT_EQ(values->number("signatures.threshold"), 5.0);
  EXPECT_EQ(values->text("signatures.fail"), "closed");
  EXPECT_EQ(values->integer("flows.maximum"), 1000);
  EXPECT_TRUE(values->is_set("flows.idle"));
  EXPECT_FALSE(values->is_set("flows.maximum"));
}

TEST(Config, ANumberMayBeWrittenWhole) {
  const auto values = parse_config("ports.inside = 'x'\nsignatures.threshold = 7", "f", kKeys);
  ASSERT_TRUE(values.has_value()) << values.error();
  EXPECT_EQ(values->number("signatures.threshold"), 7.0);
}

TEST(Config, AnUnknownKeyIsNamedWithItsLineAndTheNearestOne) {
  const std::string error = error_of("[ports]\ninside = 'x'\n[signatures]\ntreshold = 5\n");
  EXPECT_EQ(error,
            "postern.toml:4: unknown key 'signatures.treshold'; the nearest known key is "
            "'signatures.threshold'");
  EXPECT_THAT(error_of("[port]\ninside = 'x'"), HasSubstr("unknown section 'port'"));
  EXPECT_THAT(error_of("signatures = 5"), HasSubstr("write [signatures]"));
}

TEST(Config, AWrongValueIsNamedWithItsLineAndWhatIsAllowed) {
  EXPECT_THAT(error_of("flows.maximum = 0"),
              AllOf(HasSubstr("postern.toml:1: 'flows.maximum'"), HasSubstr("at least 1, not 0")));
  EXPECT_THAT(error_of("flows.maximum = '9'"), HasSubstr("a whole number"));
  EXPECT_THAT(error_of("\nflows.maximum = 1.5"), HasSubstr("postern.toml:2:"));
  EXPECT_THAT(error_of("ports.mail = [25, 70000]"), HasSubstr("each from 1 to 65535"));
  EXPECT_THAT(error_of("ports.mail = 25"), HasSubstr("a list of whole numbers"));
  EXPECT_THAT(error_of("signatures.fail = 'ajar'"), HasSubstr("one of \"closed\", \"open\""));
  EXPECT_THAT(error_of("flows.idle = '10ms'"), HasSubstr("at least 1s"));
  EXPECT_THAT(error_of("flows.idle = 10"), HasSubstr("a duration in quotes"));
  EXPECT_THAT(error_of("flows.hosts = ['a', 1]"), HasSubstr("a list of texts"));
}

TEST(Config, EveryMistakeIsReportedAtOnce) {
  const std::string error = error_of("flows.maximum = 0\nflows.strict = 1\n");
  EXPECT_THAT(error, HasSubstr("postern.toml:1: 'flows.maximum'"));
  EXPECT_THAT(error, HasSubstr("postern.toml:2: 'flows.strict'"));
  EXPECT_THAT(error, HasSubstr("'ports.inside' is missing"));
}

TEST(Config, ASyntaxErrorHasItsLine) {
  EXPECT_THAT(error_of("[ports]\ninside = \n"), HasSubstr("postern.toml:2: "));
}

TEST(Config, AMissingFileSaysHowToMakeOne) {
  const auto values = load_config("/nonexistent/postern.toml", kKeys);
  ASSERT_FALSE(values.has_value());
  EXPECT_THAT(values.error(), AllOf(HasSubstr("No such file"), HasSubstr("--help-config >")));
  EXPECT_THAT(load_config("/", kKeys).error(), HasSubstr("Is a directory"));
}

TEST(Config, TheDescriptionNamesEveryKeyWithHelpAndLimitsAndCanBeLoaded) {
  const std::string description = describe_config(kKeys);
  EXPECT_THAT(description, HasSubstr("[ports]\n# Customers' side. Required: there is no default.\n"
                                     "inside = \"0000:03:00.0\"\n"));
  EXPECT_THAT(description, HasSubstr("From 1 to 65535.\nmail = [25]\n"));
  EXPECT_THAT(description, HasSubstr("One of: closed, open.\nfail = \"closed\"\n"));

  std::string path = testing::TempDir() + "postern-config-XXXXXX";
  const int file = mkstemp(path.data());
  ASSERT_GE(file, 0);
  ASSERT_EQ(write(file, description.data(), description.size()), ssize_t(description.size()));
  close(file);
  const auto values = load_config(path, kKeys);
  unlink(path.c_str());
  ASSERT_TRUE(values.has_value()) << values.error();
  EXPECT_EQ(values->duration("flows.idle"), milliseconds(600'000));
  EXPECT_TRUE(values->text_list("flows.hosts").empty());
}

TEST(Config, AskingForWhatTheTableLacksIsTheProgramsMistake) {
  const auto values = parse_config("ports.inside = 'x'", "f", kKeys);
  EXPECT_THROW(values->text("ports.outside"), std::logic_error);
  EXPECT_THROW(values->integer("ports.inside"), std::logic_error);
}

}  // namespace
}  // namespace postern
