#include "dataplane/mime/multipart.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::mime {
namespace {

TEST(BoundaryStack, Delimiters) {
  BoundaryStack stack(4);
  ASSERT_TRUE(stack.push("a", false, 0));
  ASSERT_TRUE(stack.push("a:b", true, 1));
  EXPECT_EQ(stack.match("--a").depth, 0u);
  EXPECT_FALSE(stack.match("--a").closing);
  EXPECT_EQ(stack.match("--a:b").depth, 1u);
  EXPECT_TRUE(stack.match("--a:b--").closing);
  EXPECT_TRUE(stack.match("--a-- \t").found);  // white space that gateways add
  EXPECT_FALSE(stack.match("--a-").found);
  EXPECT_FALSE(stack.match("--ab").found);
  EXPECT_FALSE(stack.match("-a").found);
  EXPECT_FALSE(stack.match(" --a").found);
  EXPECT_TRUE(stack.digest(1));
  stack.pop_to(1);
  EXPECT_FALSE(stack.match("--a:b").found);
  EXPECT_TRUE(stack.match("--a").found);
}

TEST(BoundaryStack, InnermostOfEquals) {
  BoundaryStack stack(4);
  ASSERT_TRUE(stack.push("same", false, 0));
  ASSERT_TRUE(stack.push("same", false, 1));
  EXPECT_EQ(stack.match("--same").depth, 1u);
}

TEST(BoundaryStack, Limits) {
  BoundaryStack stack(2);
  EXPECT_FALSE(stack.push(std::string(BoundaryStack::kBoundaryBytes + 1, 'x'), false, 0));
  EXPECT_TRUE(stack.push(std::string(BoundaryStack::kBoundaryBytes, 'x'), false, 0));
  EXPECT_TRUE(stack.push("b", false, 1));
  EXPECT_FALSE(stack.push("c", false, 2));
  stack.begin();
  EXPECT_EQ(stack.depth(), 0u);
  EXPECT_TRUE(stack.push("c", false, 0));
}

}  // namespace
}  // namespace postern::mime
