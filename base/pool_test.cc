#include "base/pool.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

TEST(FixedPool, IsEmptyAtItsCapacityAndReusesTheWarmest) {
  FixedPool<int> pool(2);
  int* a = pool.take();
  int* b = pool.take();
  ASSERT_NE(a, nullptr);
  ASSERT_NE(b, nullptr);
  EXPECT_NE(a, b);
  EXPECT_EQ(pool.take(), nullptr);
  EXPECT_EQ(pool.in_use(), 2u);
  pool.give(a);
  EXPECT_EQ(pool.take(), a);
}

}  // namespace
}  // namespace postern
