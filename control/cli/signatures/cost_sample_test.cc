#include "control/cli/signatures/cost_sample.h"

#include <gmock/gmock.h>

#include "control/cli/signatures/testing_commands.h"

namespace postern::cli {
namespace {

using language::Target;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class CostSampleTest : public SignaturesTest {
 protected:
  // Messages with a paragraph of their own each, by number.
  void write_messages(int count, size_t paragraphs = 1) {
    for (int i = 0; i < count; ++i) {
      std::string text;
      for (size_t k = 0; k < paragraphs; ++k) {
        text += "Paragraph " + std::to_string(k) + " of message " + std::to_string(i) +
                ", to be found at http://www" + std::to_string(i) + ".example.com/page\n\n";
      }
      file("mail/" + std::to_string(i),
           "From: a@b.example\nSubject: number " + std::to_string(i) + "\n\n" + text);
    }
  }
  static uint64_t bytes(const std::vector<std::string>& elements) {
    uint64_t sum = 0;
    for (const std::string& element : elements) sum += element.size();
    return sum;
  }
};

// The elements are those that rules of each target would be matched against.
TEST_F(CostSampleTest, RendersMessagesAsTheDataPlaneDoes) {
  write_messages(120);
  const auto sample = take_cost_sample({path("mail")});
  ASSERT_TRUE(sample) << sample.error();
  EXPECT_EQ(sample->messages, 120u);
  const std::string line =
      "Paragraph 0 of message 42, to be found at http://www42.example.com/page";
  EXPECT_THAT(sample->texts.at(Target::kBody), Contains("number 42\n"));
  EXPECT_THAT(sample->texts.at(Target::kBody), Contains(line + "\n"));
  EXPECT_THAT(sample->texts.at(Target::kRawBody), Contains(line + "\n\n"));
  EXPECT_THAT(sample->texts.at(Target::kHeader), Contains("number 42"));
  EXPECT_THAT(sample->texts.at(Target::kMimeHeader), Contains("number 42\n"));
  EXPECT_THAT(sample->texts.at(Target::kUri), Contains("http://www42.example.com/page"));
  EXPECT_THAT(sample->texts.at(Target::kFull),
              Contains("From: a@b.example\nSubject: number 42\n\n" + line + "\n\n"));
  // 1,320 octets ("example.com" each) are too few, and there is nothing hidden.
  EXPECT_FALSE(sample->texts.contains(Target::kUriDomain));
  EXPECT_FALSE(sample->texts.contains(Target::kHidden));
}

TEST_F(CostSampleTest, IsBoundedAndSpreadOverTheMessages) {
  write_messages(300, 20);  // 450 KB
  file(
      "mail/huge", "Subject: huge\n\n" + [] {
        std::string text;
        for (int i = 0; i < 20000; ++i) text += "huge " + std::to_string(i) + "\n\n";
        return text;
      }());
  const auto sample = take_cost_sample({path("mail")});
  ASSERT_TRUE(sample) << sample.error();
  for (const auto& [target, elements] : sample->texts) {
    EXPECT_LE(bytes(elements), kSampleBytes) << language::name_of(target);
  }
  const auto& body = sample->texts.at(Target::kBody);
  EXPECT_GT(bytes(body), kSampleBytes - 2049);
  std::vector<std::string> of_huge;
  for (const std::string& element : body) {
    if (element.starts_with("huge ")) of_huge.push_back(element);
  }
  EXPECT_LE(bytes(of_huge), kSampleBytesOfMessage);
  EXPECT_FALSE(of_huge.empty());
  // Most of 300 messages, each with 21 elements of which one in four is drawn.
  size_t seen = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string words = " of message " + std::to_string(i) + ",";
    seen += std::ranges::any_of(body, [&](const auto& text) { return text.contains(words); });
  }
  EXPECT_GT(seen, 250u);
  EXPECT_EQ(take_cost_sample({path("mail")})->texts, sample->texts);
}

TEST_F(CostSampleTest, WhatCannotBeASampleSaysSo) {
  const auto absent = take_cost_sample({path("absent")});
  ASSERT_FALSE(absent);
  EXPECT_THAT(absent.error(), HasSubstr("no message was found in " + path("absent")));
  std::filesystem::create_directory(path("empty"));
  const auto empty = take_cost_sample({path("empty")});
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error(), HasSubstr("no message was found"));
  file("little/1", "Subject: hi\n\nshort\n");
  const auto little = take_cost_sample({path("little")});
  ASSERT_FALSE(little);
  EXPECT_THAT(little.error(), HasSubstr("too little text"));
}

TEST_F(CostSampleTest, WhatIsNoMessageIsNamedAndLeftOut) {
  write_messages(100);
  file("mail/readme.txt", "these are messages\n\n");
  testing::internal::CaptureStderr();
  const auto sample = take_cost_sample({path("mail")});
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr(path("mail/readme.txt") + ": does not begin with a header field"));
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->messages, 100u);
}

}  // namespace
}  // namespace postern::cli
