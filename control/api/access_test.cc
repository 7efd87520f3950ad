#include "control/api/access.h"

#include <gtest/gtest.h>

namespace postern::api {
namespace {

TEST(RateLimit, AllowsSoManyInAWindow) {
  RateLimit limit(2, 60);
  EXPECT_TRUE(limit.take("a", 120));
  EXPECT_TRUE(limit.take("a", 150));
  EXPECT_FALSE(limit.take("a", 179));
  EXPECT_TRUE(limit.take("b", 179));
  EXPECT_TRUE(limit.take("a", 180));
}

TEST(RateLimit, AddressesBeyondItsRoomShareOneAllowance) {
  RateLimit limit(1, 60, 1);
  EXPECT_TRUE(limit.take("a", 0));
  EXPECT_TRUE(limit.take("b", 0));
  EXPECT_FALSE(limit.take("c", 0));
}

TEST(Sessions, EndWhenTheyAreNotUsed) {
  Sessions sessions(100, 10);
  const ledger::TokenHash token = ledger::hash_of("t");
  const std::string cookie = sessions.open(token, 1000);
  EXPECT_EQ(sessions.use(cookie, 1099), token);
  EXPECT_EQ(sessions.use(cookie, 1198), token);
  EXPECT_FALSE(sessions.use(cookie, 1298));
  EXPECT_FALSE(sessions.use("another", 1198));
}

TEST(Sessions, TheOneUsedLongestAgoMakesRoom) {
  Sessions sessions(1000, 2);
  const ledger::TokenHash token = ledger::hash_of("t");
  const std::string first = sessions.open(token, 1), second = sessions.open(token, 2);
  EXPECT_TRUE(sessions.use(first, 3));
  const std::string third = sessions.open(token, 4);
  EXPECT_TRUE(sessions.use(first, 5));
  EXPECT_FALSE(sessions.use(second, 5));
  sessions.close(third);
  EXPECT_FALSE(sessions.use(third, 5));
}

TEST(Cookie, IsFoundByItsWholeName) {
  EXPECT_EQ(cookie_value("a=1; postern_session=xyz; b=2", "postern_session"), "xyz");
  EXPECT_EQ(cookie_value("not_postern_session=xyz", "postern_session"), "");
  EXPECT_EQ(cookie_value("postern_sessions=xyz;;", "postern_session"), "");
  EXPECT_EQ(cookie_value("", "postern_session"), "");
}

TEST(Bearer, IsWhatStandsBehindTheScheme) {
  EXPECT_EQ(bearer_token("Bearer abc"), "abc");
  EXPECT_EQ(bearer_token("Basic abc"), "");
}

}  // namespace
}  // namespace postern::api
