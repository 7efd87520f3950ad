#include "base/time_text.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

// date -u -d @1700000000
TEST(TimeText, IsUtc) { EXPECT_EQ(utc_time(1'700'000'000), "2023-11-14T22:13:20Z"); }

}  // namespace
}  // namespace postern
