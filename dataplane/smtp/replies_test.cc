#include "dataplane/smtp/replies.h"

#include <gtest/gtest.h>

namespace postern::smtp {
namespace {

const CaseReference kCase = *CaseReference::parse("7F3A00KX1M");
const IpAddress kClient = *IpAddress::parse("2001:db8::7");

std::string render(const ReplyTexts& texts, Reply reply, CaseReference case_reference = kCase) {
  char out[kReplyLineBytes];
  return std::string(texts.render(reply, case_reference, kClient, out));
}

TEST(Replies, fill_in_what_is_known) {
  const auto texts = ReplyTexts::create("gate.example", "https://example.com/c/{case}", {});
  ASSERT_TRUE(texts) << texts.error();
  EXPECT_EQ(render(*texts, Reply::kContent),
            "554 5.7.1 Message refused: outbound spam (case 7F3A00KX1M) "
            "https://example.com/c/7F3A00KX1M\r\n");
  EXPECT_EQ(
      render(*texts, Reply::kBlocked, CaseReference{}),
      "550 5.7.1 Sending from 2001:db8::7 is blocked (case none) https://example.com/c/none\r\n");
  EXPECT_EQ(render(*texts, Reply::kGreeting), "220 gate.example ESMTP\r\n");
}

TEST(Replies, name_the_part_of_the_sender_that_is_blocked) {
  const ReplyTexts texts("gate.example");
  const auto about = [&](Reply reply, std::string_view part) {
    char out[kReplyLineBytes];
    return std::string(texts.render(reply, kCase, kClient, out, part));
  };
  EXPECT_EQ(about(Reply::kBlockedUser, "bob"),
            "550 5.7.1 Sending as bob through 2001:db8::7 is blocked (case 7F3A00KX1M)\r\n");
  EXPECT_EQ(about(Reply::kBlockedOrigin, "10.1.2.0/24"),
            "554 5.7.1 Message refused: mail from 10.1.2.0/24 through 2001:db8::7 is blocked "
            "(case 7F3A00KX1M)\r\n");
  // A name is the client's own word.
  EXPECT_EQ(about(Reply::kBlockedUser, "a\r\n250 {case}\xc3\xa4"),
            "550 5.7.1 Sending as a??250 {case}?? through 2001:db8::7 is blocked "
            "(case 7F3A00KX1M)\r\n");
  EXPECT_EQ(about(Reply::kBlockedUser, std::string(100, 'x')),
            "550 5.7.1 Sending as " + std::string(64, 'x') +
                " through 2001:db8::7 is blocked (case 7F3A00KX1M)\r\n");
}

TEST(Replies, can_be_reworded) {
  const auto texts = ReplyTexts::create("gate.example", "",
                                        {{"content", "552 5.7.0 {host} says no to {ip} {case}"}});
  ASSERT_TRUE(texts) << texts.error();
  EXPECT_EQ(render(*texts, Reply::kContent),
            "552 5.7.0 gate.example says no to 2001:db8::7 7F3A00KX1M\r\n");
  EXPECT_EQ(render(*texts, Reply::kHold),
            "451 4.7.1 Held for observation, try again later (case 7F3A00KX1M)\r\n");
}

TEST(Replies, the_defaults_obey_their_own_rules) {
  const std::string longest_host(253, 'h');
  ASSERT_TRUE(ReplyTexts::create(longest_host, "https://example.com/", {}));
  for (const ReplyDescription& row : kReplyTable) {
    const auto texts =
        ReplyTexts::create("h", "u", {{std::string(row.key), std::string(row.text)}});
    EXPECT_TRUE(texts) << row.key;
    EXPECT_FALSE(row.help.empty());
  }
}

TEST(Replies, a_bad_template_is_refused_with_the_reason) {
  const struct {
    const char* key;
    const char* text;
    const char* says;
  } cases[] = {
      {"contents", "554 5.7.1 x", "unknown reply \"contents\"; known are content, blocked"},
      {"content", "451 4.7.1 x", "must begin with 5"},
      {"rate", "554 5.7.1 x", "must begin with 4"},
      {"bye", "220 2.0.0 x", "must begin with 221"},
      {"content", "503 5.5.1 x", "use 550 to 554"},
      {"content", "555 5.5.1 x", "use 550 to 554"},
      {"content", "554 x", "needs an enhanced status code"},
      {"content", "554 5.7 x", "needs an enhanced status code"},
      {"content", "554 5.7.1234 x", "needs an enhanced status code"},
      {"content", "554 4.7.1 x", "both must agree"},
      {"content", "no", "three digits"},
      {"content", "554-5.7.1 x", "three digits"},
      {"content", "554 5.7.1 a\r\n250 b", "0x0d"},
      {"content", "554 5.7.1 caf\xc3\xa9", "0xc3"},
      {"content", "554 5.7.1 {who}", "{who}"},
      {"content", "554 5.7.1 {", "{"},
      {"content", "554 5.7.1 {part}", "{part}"},
  };
  for (const auto& c : cases) {
    const auto texts = ReplyTexts::create("gate.example", "", {{c.key, c.text}});
    ASSERT_FALSE(texts) << c.text;
    EXPECT_NE(texts.error().find(c.says), std::string::npos) << texts.error();
    EXPECT_NE(texts.error().find(c.key), std::string::npos) << texts.error();
  }
  EXPECT_FALSE(ReplyTexts::create("", "", {}));
  EXPECT_FALSE(ReplyTexts::create("two words", "", {}));
  EXPECT_FALSE(ReplyTexts::create("h", "a\nb", {}));
}

TEST(Replies, a_line_never_grows_beyond_what_SMTP_allows) {
  // 10 for the code, 500 of text, CRLF: exactly 512.
  const std::string fits = "554 5.7.1 " + std::string(500, 'x');
  const auto texts = ReplyTexts::create("h", "", {{"content", fits}});
  ASSERT_TRUE(texts) << texts.error();
  EXPECT_EQ(render(*texts, Reply::kContent).size(), 512u);
  const auto over = ReplyTexts::create("h", "", {{"content", fits + "x"}});
  ASSERT_FALSE(over);
  EXPECT_NE(over.error().find("513 octets"), std::string::npos) << over.error();
  EXPECT_FALSE(ReplyTexts::create("h", std::string(480, 'u'), {}));
  // 64 octets of a name, 45 of an address.
  const std::string with_part = "550 5.7.1 {part}{ip}";
  EXPECT_TRUE(ReplyTexts::create("h", "", {{"blocked_user", with_part + std::string(391, 'x')}}));
  EXPECT_FALSE(ReplyTexts::create("h", "", {{"blocked_user", with_part + std::string(392, 'x')}}));
}

}  // namespace
}  // namespace postern::smtp
