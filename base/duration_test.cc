#include "base/duration.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

using std::chrono::milliseconds;

TEST(Duration, ReadsEachUnitAndSums) {
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("30s"), milliseconds(30'000));
  EXPECT_EQ(parse_duration("5m"), milliseconds(300'000));
  EXPECT_EQ(parse_duration("1h30m"), milliseconds(5'400'000));
  EXPECT_EQ(parse_duration("30d"), milliseconds(2'592'000'000));
  EXPECT_EQ(parse_duration("2w"), milliseconds(1'209'600'000));
  EXPECT_EQ(parse_duration("0"), milliseconds(0));
}

TEST(Duration, RefusesWhatIsNotOneAndSaysHowToWriteIt) {
  for (const char* wrong : {"", "h", "-1h", "1.5h", "1 h", "10", "1x", "1h30", "99999999999d",
                            "9999999999999999999999s", "36526d"}) {
    const auto result = parse_duration(wrong);
    ASSERT_FALSE(result.has_value()) << wrong;
    EXPECT_NE(result.error().find("for example"), std::string::npos) << result.error();
  }
  EXPECT_TRUE(parse_duration("36525d").has_value());
}

TEST(Duration, PrintsTheShortestForm) {
  EXPECT_EQ(format_duration(milliseconds(0)), "0s");
  EXPECT_EQ(format_duration(milliseconds(5'400'000)), "1h30m");
  EXPECT_EQ(format_duration(milliseconds(1'209'600'000)), "14d");
  EXPECT_EQ(format_duration(milliseconds(1'250)), "1s250ms");
}

}  // namespace
}  // namespace postern
