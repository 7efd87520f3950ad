#include "control/api/questions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::api {
namespace {

using testing::HasSubstr;
using namespace channel::v1;

TEST(Questions, VerdictIsReadWithNamesAndTimesAsPeopleWriteThem) {
  const auto request = read_set_verdict(
      R"({"prefix":"192.0.2.7","switch":"smorf-block","treatment":"hold","reason":"spam",)"
      R"("for":"4h","case":"7F3A00KX1M","part":"user:bob"})");
  ASSERT_TRUE(request) << request.error();
  EXPECT_EQ(request->of(), SWITCH_SMORF_BLOCK);
  EXPECT_EQ(request->treatment(), TREATMENT_HOLD);
  EXPECT_EQ(request->for_seconds(), 14400u);
  EXPECT_EQ(request->part(), "user:bob");
  EXPECT_NE(request->case_reference(), 0u);
}

TEST(Questions, MistakesSayWhatMayStandThere) {
  EXPECT_THAT(read_set_verdict("[]").error(), HasSubstr("JSON object"));
  EXPECT_THAT(read_set_verdict("{").error(), HasSubstr("JSON object"));
  EXPECT_THAT(read_set_verdict(R"({"treatment":"shout"})").error(), HasSubstr("throttle, hold"));
  EXPECT_THAT(read_set_verdict(R"({"prefix":7})").error(), HasSubstr("prefix is a text"));
  EXPECT_THAT(read_set_verdict(R"({"for":"-4h"})").error(), HasSubstr("\"4h\""));
  EXPECT_THAT(read_set_verdict(R"({"author":"eve"})").error(), HasSubstr("not known"));
  EXPECT_THAT(read_restore(R"({"switches":["all"]})").error(), HasSubstr("smorf-block"));
  EXPECT_THAT(read_empty(R"({"a":1})").error(), HasSubstr("no fields"));
}

TEST(Questions, TextThatIsNoUtf8DoesNotGetThrough) {
  EXPECT_FALSE(read_case_change("{\"text\":\"\xff\"}"));
  EXPECT_FALSE(ask_senders({{"within", "\xff"}}));
}

TEST(Questions, PagesHaveBounds) {
  const auto question = ask_senders({{"limit", "20"}, {"offset", "40"}});
  ASSERT_TRUE(question);
  EXPECT_EQ(question->page.limit, 20u);
  EXPECT_EQ(question->request.limit(), 61u);  // one more shows that there is a next page
  EXPECT_EQ(ask_senders({})->page.limit, 50u);
  EXPECT_FALSE(ask_senders({{"limit", "1001"}}));
  EXPECT_FALSE(ask_senders({{"limit", "-1"}}));
  EXPECT_FALSE(ask_senders({{"limit", "1x"}}));
  EXPECT_THAT(ask_senders({{"colour", "red"}}).error(), HasSubstr("not known"));
}

TEST(Questions, CustomerIsReadAsItIsTold) {
  const auto request = read_customer(
      R"({"id":3,"name":"Example","contacts":[{"name":"Anna","email":"anna@example.net"}],)"
      R"("prefixes":["192.0.2.0/24"],"channels":{"email":true,"webhook_url":null},)"
      R"("limits":{"messages_per_day":100},"created":null})");
  ASSERT_TRUE(request) << request.error();
  EXPECT_EQ(request->customer().contacts(0).email(), "anna@example.net");
  EXPECT_TRUE(request->customer().email());
  EXPECT_TRUE(request->keep_webhook_secret());
  EXPECT_EQ(request->customer().messages_per_day(), 100u);
  EXPECT_EQ(request->customer().id(), 0u);  // the path says which
  EXPECT_FALSE(read_customer(R"({"name":"x","channels":{"fax":true}})"));
  EXPECT_FALSE(read_customer(R"({"name":"x","channels":"email"})"));
}

}  // namespace
}  // namespace postern::api
