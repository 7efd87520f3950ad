#include "control/notify/mail_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/notify/redaction.h"

namespace postern::notify {
namespace {

TEST(OneLine, HasNothingThatEndsOrTurnsIt) {
  EXPECT_EQ(one_line("a\r\nBcc: x\tb\x1b[31m"),
            "a\xEF\xBF\xBD\xEF\xBF\xBD"
            "Bcc: x\xEF\xBF\xBD"
            "b\xEF\xBF\xBD[31m");
  EXPECT_EQ(one_line("Grüße"), "Grüße");
  EXPECT_EQ(one_line("\u202Eevil\u2066"), "\uFFFDevil\uFFFD");
  EXPECT_EQ(one_line("\u0085\u2028"), "\uFFFD\uFFFD");
  // RFC 3629: overlong, surrogate, cut short, beyond the last.
  EXPECT_EQ(one_line("\xC0\xAF"), "\uFFFD\uFFFD");
  EXPECT_EQ(one_line("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(one_line("x\xE2\x82"), "x\uFFFD\uFFFD");
  EXPECT_EQ(one_line("\xF4\x90\x80\x80").substr(0, 3), "\uFFFD");
  EXPECT_EQ(one_line("äöü", 4), "äö…");
  EXPECT_EQ(one_line("äöü", 3), "ä…");
  EXPECT_EQ(one_line("äöü", 6), "äöü");
}

TEST(MailAddress, IsOnlyWhatFitsIntoAnglesUnquoted) {
  for (const char* good :
       {"a@b", "anna.b+c@example.com", "x@[192.0.2.1]", "x@[IPv6:2001:db8::1]", "o'neil@e.ie"})
    EXPECT_TRUE(is_mail_address(good)) << good;
  for (const char* bad : {"",      "a",      "@b",
                          "a@",    "a@b c",  "a b@c",
                          "a@b>",  "<a@b",   "a@b\r\nRCPT TO:<c@d>",
                          "a@@b",  ".a@b",   "a..b@c",
                          "a@b.",  "a@.b",   "\"a\"@b",
                          "ä@b",   "a@ä",    "a@[1>2]",
                          "a,b@c", "a@b,c@d"})
    EXPECT_FALSE(is_mail_address(bad)) << bad;
  EXPECT_FALSE(is_mail_address(std::string(65, 'a') + "@b"));
  EXPECT_FALSE(is_mail_address("a@" + std::string(253, 'b')));
}

// Expected values: RFC 2047's syntax, with base64 by `printf … | base64`.
TEST(Unstructured, IsFoldedOrEncoded) {
  EXPECT_EQ(unstructured("Spam from 192.0.2.7", 9), "Spam from 192.0.2.7");
  EXPECT_EQ(unstructured("Grüße", 9), "=?UTF-8?B?R3LDvMOfZQ==?=");
  EXPECT_EQ(unstructured("=?utf-8?q?x?=", 9), "=?UTF-8?B?PT91dGYtOD9xP3g/PQ==?=");
  const std::string folded = unstructured(std::string(70, 'a') + " " + std::string(60, 'b'), 8);
  EXPECT_EQ(folded, std::string(70, 'a') + "\r\n " + std::string(60, 'b'));
  // Long words and long texts: no line above 78, no character torn.
  std::string umlauts;
  for (int i = 0; i < 100; ++i) umlauts += "ü";
  for (const std::string& text : {std::string(300, 'x'), umlauts}) {
    const std::string out = unstructured(text, 9);
    std::string decoded;
    for (size_t begin = 0; begin < out.size();) {
      const size_t end = std::min(out.find("\r\n ", begin), out.size());
      EXPECT_LE(end - begin + 9, 78u + 9);
      const std::string word = out.substr(begin, end - begin);
      ASSERT_TRUE(word.starts_with("=?UTF-8?B?") && word.ends_with("?=")) << word;
      const auto piece = from_base64(std::string_view(word).substr(10, word.size() - 12));
      ASSERT_TRUE(piece);
      EXPECT_EQ(one_line(*piece, 1000), *piece);
      decoded += *piece;
      begin = end + 3;
    }
    EXPECT_EQ(decoded, text);
  }
}

TEST(MailDate, IsRfc5322) {
  EXPECT_EQ(mail_date(1'700'000'000), "Tue, 14 Nov 2023 22:13:20 +0000");  // date -R -u -d @…
  EXPECT_EQ(mail_date(0), "Thu, 01 Jan 1970 00:00:00 +0000");
}

// By Python's quopri and by hand.
TEST(QuotedPrintable, KeepsLinesAndEncodesTheRest) {
  EXPECT_EQ(quoted_printable("a=b\r\nc \r\nd\n"), "a=3Db\r\nc=20\r\nd\r\n");
  EXPECT_EQ(quoted_printable("\rx\xff"), "=0Dx=FF");
  EXPECT_EQ(quoted_printable(".\r\nFrom x"), "=2E\r\n=46rom x");
  EXPECT_EQ(quoted_printable(std::string(76, 'x')), std::string(76, 'x'));
  EXPECT_EQ(quoted_printable(std::string(77, 'x')), std::string(75, 'x') + "=\r\nxx");
}

TEST(Sha256, OfAbc) {  // FIPS 180-2, B.1
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Redaction, TakesRecipientsOutAndLeavesTheRest) {
  const std::vector<std::string> recipients{"victim@example.net"};
  EXPECT_EQ(redacted_sample("Received: from a by b for <Victim@Example.net>; Tue\r\n"
                            "From: me <me@a.example>\r\n"
                            "TO : x <x@y.example>,\r\n\tz@y.example\r\n"
                            "Subject: for you, VICTIM@example.net\r\n"
                            "Return-Path: <list+victim=example.net@a.example>\r\n"
                            "Delivered-To: q@y.example",
                            recipients),
            "Received: from a by b for <redacted@Example.net>; Tue\r\n"
            "From: me <me@a.example>\r\n"
            "TO : redacted:;\r\n"
            "Subject: for you, redacted@example.net\r\n"
            "Return-Path: <list+redacted=example.net@a.example>\r\n"
            "Delivered-To: redacted:;");
  EXPECT_EQ(redacted_sample("no field\r\n: nothing\r\nTo:", {}),
            "no field\r\n: nothing\r\nTo: redacted:;");
  EXPECT_EQ(redacted_address("bob"), "redacted");
}

}  // namespace
}  // namespace postern::notify
