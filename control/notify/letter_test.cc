// Letters, read back by Python's email package (testing/judge_letters.py).
#include "control/notify/letter.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "control/notify/mail_text.h"
#include "control/notify/notice_writer.h"
#include "control/notify/testing/laboratory.h"

namespace postern::notify {
namespace {

using ledger::Audience;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class LetterTest : public Laboratory {
 protected:
  LetterTest() { std::filesystem::create_directories(settings_.spool); }

  std::vector<ledger::OutboxMessage> write(Audience audience, std::vector<std::string> what) {
    const auto facts = read_facts(*ledger_, kReference);
    EXPECT_TRUE(facts && *facts);
    const NoticeWriter writer(
        settings_, [](CaseReference r) { return "https://gate.example/c/" + r.to_string(); });
    return writer.write(**facts, audience, what, 0, kOpened + 60);
  }
  struct Expected {
    bool report = true;
    bool xarf = false;
    std::optional<std::string> sample = std::nullopt;
  };
  void keep(const std::string& octets, const Expected& expected) {
    const auto name = settings_.spool / fmt::format("{:03}", kept_++);
    nlohmann::json json{{"report", expected.report}, {"xarf", expected.xarf}, {"sample", nullptr}};
    if (expected.sample) json["sample"] = base64(*expected.sample);
    std::ofstream(name.string() + ".eml", std::ios::binary) << octets;
    std::ofstream(name.string() + ".json") << json;
  }
  // What Python has to say about those kept.
  std::string judged() {
    const auto out = directory_ / "judged";
    const std::string command =
        fmt::format("/usr/bin/python3 {}/control/notify/testing/judge_letters.py {} >{} 2>&1",
                    POSTERN_SOURCE_ROOT, settings_.spool.string(), out.string());
    static_cast<void>(std::system(command.c_str()));
    return read(out);
  }

  int kept_ = 0;
};

TEST_F(LetterTest, TellsACustomerWhatHappenedAndWhatToDo) {
  customer_.channels.arf = false;
  add_customer();
  open_case();
  const auto messages = write(Audience::kCustomer, {"opened"});
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0].to, "anna@customer.example");
  const std::string& text = messages[0].message;
  EXPECT_THAT(text, HasSubstr("Subject: [00000004HM] Spam from bob on 192.0.2.7\r\n"));
  EXPECT_THAT(text, HasSubstr("To: =?UTF-8?B?QW5uYSBNw7xsbGVy?=\r\n <anna@customer.example>\r\n"));
  EXPECT_THAT(text, HasSubstr("since 2023-11-14 22:12 UTC"));
  EXPECT_THAT(text, HasSubstr("3 messages of spam (2 different) to 6 recipients were refused"));
  EXPECT_THAT(text, HasSubstr("BAYES_99                         3 messages"));
  EXPECT_THAT(text, HasSubstr("  The password of bob was stolen (confidence: 0.9)\r\n"
                              "    > AUTH PLAIN from 203.0.113.9\r\n"));
  EXPECT_THAT(text, AllOf(HasSubstr("  Trusted relay    nothing by this case\r\n"),
                          HasSubstr("  SMORF block      mail of bob is refused (550)\r\n"),
                          HasSubstr("  Range exclusion  nothing by this case\r\n")));
  EXPECT_THAT(text, HasSubstr("  1. Change bob's password.\r\n"));
  EXPECT_THAT(text, HasSubstr("  https://gate.example/c/00000004HM\r\n"));
  EXPECT_THAT(text, AllOf(HasSubstr("redacted@example.net"), Not(HasSubstr("victim@"))));
  EXPECT_THAT(text, Not(HasSubstr("{{")));
  keep(text, {.report = false});
  EXPECT_EQ(judged(), "1 letters, 0 complaints\n");
}

TEST_F(LetterTest, AReportIsWhatRfc5965Wants) {
  customer_.channels.xarf = true;
  settings_.redact_recipients = false;
  add_customer();
  open_case();
  const auto to_customer = write(Audience::kCustomer, {"opened"});
  const auto to_operator = write(Audience::kOperator, {"opened"});
  ASSERT_THAT(to_customer, SizeIs(1));
  ASSERT_THAT(to_operator, SizeIs(1));
  keep(to_customer[0].message, {.xarf = true, .sample = kHeaderSample});
  keep(to_operator[0].message, {.sample = kHeaderSample});
  EXPECT_THAT(to_operator[0].message,
              HasSubstr("\r\nFeedback-Type: abuse\r\nUser-Agent: Postern/0.1.0\r\nVersion: 1\r\n"
                        "Original-Mail-From: <bob@customer.example>\r\n"
                        "Original-Rcpt-To: <victim@example.net>\r\n"
                        "Original-Rcpt-To: <other@example.org>\r\n"
                        "Arrival-Date: Tue, 14 Nov 2023 22:12:20 +0000\r\n"
                        "Reporting-MTA: dns; gate.example\r\n"
                        "Source-IP: 192.0.2.7\r\nSource-Port: 40001\r\n"
                        "Incidents: 3\r\nReported-Domain: evil.example\r\n"));
  // Of news that is no spam nobody makes a report.
  keep(write(Audience::kOperator, {"restored", "probation"})[0].message, {.report = false});
  EXPECT_EQ(judged(), "3 letters, 0 complaints\n");
}

TEST_F(LetterTest, RecipientsAreTakenOutOfReports) {
  customer_.channels.xarf = true;
  add_customer();
  open_case();
  const std::string letter = write(Audience::kCustomer, {"opened"})[0].message;
  EXPECT_THAT(letter,
              AllOf(Not(HasSubstr("victim@")), Not(HasSubstr("Original-Rcpt-To")),
                    HasSubstr("To: redacted:;\r\n"), HasSubstr("for <redacted@example.net>")));
  constexpr std::string_view kBefore = "filename=\"xarf.json\"\r\n\r\n";
  const size_t attached = letter.find(kBefore) + kBefore.size();
  std::string encoded = letter.substr(attached, letter.find("\r\n--", attached) - attached);
  std::erase_if(encoded, [](char c) { return c == '\r' || c == '\n'; });
  EXPECT_THAT(from_base64(encoded).value_or(""),
              AllOf(HasSubstr("smtp_from"), Not(HasSubstr("victim@"))));
  keep(letter, {.xarf = true});
  EXPECT_EQ(judged(), "1 letters, 0 complaints\n");
}

TEST_F(LetterTest, WhatSpammersWriteChangesNothingOfItsForm) {
  customer_.channels.xarf = true;
  customer_.name = "Evil\r\nBcc: x@y";
  customer_.contacts = {{"\"x\" <y@z>,\r\nBcc: a", "anna@customer.example"},
                        {"", "no address\r\nBcc: b"}};
  settings_.redact_recipients = false;
  add_customer();
  open_case("user:b\r\nob\xff");
  channel::v1::Event hostile = spam();
  hostile.set_mail_from("a@b>\r\nFeedback-Type: other");
  hostile.set_subject("x\r\n\r\n--=_postern_\u202E{{case}}");
  hostile.set_recipients(0, "v@w>\r\nVersion: 2");
  hostile.set_auth_user("bob\x1b[2J");
  hostile.add_link_domains("a\r\nb");
  hostile.mutable_origin()->set_script("\r\n\r\n");
  add_entry(kOpened + 1, "escalated", "spam\r\n\r\nFrom: x");
  const std::string samples[] = {
      "",
      "no end of line",
      "bare\nlines\rand\0nul\r\n" + std::string(1, '\0'),
      "8bit: \xe4\xf6\xfc\xff\r\n",
      "long: " + std::string(5000, 'x') + "\r\n",
      ".\r\n..\r\nFrom x\r\n--=_postern_\r\n--\r\n",
      "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
      "trailing: blanks \t \r\n\r\n",
  };
  for (const std::string& sample : samples) {
    hostile.set_header_sample(sample);
    ledger::Case about = **ledger_->cases().find(kReference);
    auto facts = **read_facts(*ledger_, kReference);
    facts.sample = hostile;
    const NoticeWriter writer(settings_, [](CaseReference) { return "https://x/\r\nBcc: z"; });
    const std::vector<std::string> what{"opened", "escalated"};
    const auto messages = writer.write(facts, Audience::kCustomer, what, 0, kOpened + 60);
    ASSERT_THAT(messages, SizeIs(2));
    EXPECT_EQ(messages[1].message, "") << "the other contact has no address";
    // Line ends that are none on the wire are told as line ends, all else to the octet.
    const bool is_whole = sample.find("bare") == sample.npos;
    keep(messages[0].message,
         {.report = !sample.empty(),
          .xarf = true,
          .sample = is_whole && !sample.empty() ? std::optional(sample) : std::nullopt});
  }
  EXPECT_EQ(judged(), "8 letters, 0 complaints\n");
}

// Of the corpus's spam the headers, as the data plane samples them: in CRLF, cut at a line's end.
TEST_F(LetterTest, HeadersOfRealMailGoThroughWhole) {
  const char* named = std::getenv("POSTERN_CORPUS");
  const std::filesystem::path corpus =
      named != nullptr ? named : POSTERN_SOURCE_ROOT "/../shared/corpus.tar.xz";
  if (!std::filesystem::exists(corpus)) GTEST_SKIP() << "needs ../shared/corpus.tar.xz";
  const std::string unpack =
      fmt::format("tar -xJf {} -C {} --wildcards 'spam/*'", corpus.string(), directory_.string());
  ASSERT_EQ(std::system(unpack.c_str()), 0);
  settings_.redact_recipients = false;
  add_customer();
  open_case();
  auto facts = **read_facts(*ledger_, kReference);
  const NoticeWriter writer(settings_, {});
  const std::vector<std::string> what{"opened"};
  constexpr size_t kCut = 4096;
  constexpr int kLetters = 200;
  for (const auto& entry : std::filesystem::directory_iterator(directory_ / "spam")) {
    std::string sample;
    std::ifstream file(entry.path(), std::ios::binary);
    for (std::string line; std::getline(file, line);) {
      if (line.ends_with('\r')) line.pop_back();
      if (line.empty() || sample.size() + line.size() > kCut) break;
      sample += line + "\r\n";
    }
    if (sample.empty()) continue;
    if (kept_ == kLetters) break;
    facts.sample->set_header_sample(sample);
    keep(writer.write(facts, Audience::kCustomer, what, 0, kOpened)[0].message, {.sample = sample});
  }
  EXPECT_EQ(kept_, kLetters);
  EXPECT_EQ(judged(), fmt::format("{} letters, 0 complaints\n", kept_));
}

TEST_F(LetterTest, ABoundaryIsNoneOfTheTexts) {
  Letter letter{.from = "a@b", .to = "c@d", .subject = "x", .message_id = "m@h", .text = "t"};
  letter.report = FeedbackReport{"Feedback-Type: abuse\r\n", "x: y\r\n"};
  const std::string first = compose(letter);
  const size_t at = first.find("boundary=\"") + 10;
  const std::string boundary = first.substr(at, first.find('"', at) - at);
  letter.report->header_sample = "--" + boundary + "--\r\n";
  const std::string second = compose(letter);
  EXPECT_THAT(second, Not(HasSubstr("boundary=\"" + boundary)));
  EXPECT_THAT(second, HasSubstr("\r\n--" + boundary + "--\r\n"));
}

TEST_F(LetterTest, WithoutAHeaderOrASenderThereIsNoReport) {
  customer_.channels.xarf = true;
  add_customer();
  open_case();
  auto facts = **read_facts(*ledger_, kReference);
  facts.sample->clear_header_sample();
  facts.sample->clear_mail_from();
  facts.sample->set_null_sender(true);
  const NoticeWriter writer(settings_, {});
  const std::vector<std::string> what{"opened"};
  keep(writer.write(facts, Audience::kCustomer, what, 0, kOpened)[0].message, {.report = false});
  facts.sample = {};
  keep(writer.write(facts, Audience::kCustomer, what, 0, kOpened)[0].message, {.report = false});
  EXPECT_EQ(judged(), "2 letters, 0 complaints\n");
}

TEST_F(LetterTest, ACustomerDoesNotReadWhatIsNotForHim) {
  add_customer();
  open_case();
  add_entry(kOpened + 1, "noted", "he owes us money");
  add_entry(kOpened + 2, "notified", "e-mail to the operator: opened");
  add_entry(kOpened + 3, "escalated", "hold");
  const std::string customers = write(Audience::kCustomer, {"escalated"})[0].message;
  const std::string operators = write(Audience::kOperator, {"escalated"})[0].message;
  EXPECT_THAT(customers, AllOf(HasSubstr("escalated: hold"), Not(HasSubstr("money"))));
  EXPECT_THAT(operators,
              AllOf(HasSubstr("escalated: hold"), HasSubstr("money"), Not(HasSubstr("notified: ")),
                    HasSubstr("The address is Customer One's.")));
}

TEST_F(LetterTest, AWebhookGetsTheCaseAsJson) {
  customer_.channels = {.email = false,
                        .xarf = true,
                        .webhook_url = "https://hook.example/x",
                        .webhook_secret = "geheim"};
  add_customer();
  open_case();
  const auto messages = write(Audience::kCustomer, {"opened"});
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0].channel, ledger::OutboxChannel::kWebhook);
  EXPECT_THAT(messages[0].message, Not(HasSubstr("geheim")));
  const auto json = nlohmann::json::parse(messages[0].message);
  EXPECT_EQ(json["type"], "case.opened");
  EXPECT_EQ(json["timestamp"], "2023-11-14T22:14:20Z");
  EXPECT_EQ(json["data"]["case"], "00000004HM");
  EXPECT_EQ(json["data"]["messages"]["different"], 2);
  EXPECT_EQ(json["data"]["restrictions"][0]["switch"], "smorf-block");
  EXPECT_EQ(json["data"]["xarf"]["source_identifier"], "192.0.2.7");
  EXPECT_EQ(json["data"]["xarf"]["confidence"], 0.9);
}

}  // namespace
}  // namespace postern::notify
