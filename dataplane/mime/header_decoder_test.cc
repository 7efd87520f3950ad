#include "dataplane/mime/header_decoder.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace postern::mime {
namespace {

std::string decode_header(std::string_view folded,
                          HeaderDecoder::Words words = HeaderDecoder::Words::kDecode) {
  ConverterCache converters;
  HeaderDecoder decoder(&converters);
  std::array<char, 512> out;
  return std::string(decoder.decode(folded, words, out));
}

TEST(HeaderDecoder, Unfolds) {
  EXPECT_EQ(decode_header(" one\n two\n\tthree \n"), "one two three");
  EXPECT_EQ(decode_header("one\r\n  two"), "one two");
}

// RFC 2047 8.
TEST(HeaderDecoder, ExamplesOfTheRfc) {
  EXPECT_EQ(decode_header("=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>"),
            "Keith Moore <moore@cs.utk.edu>");
  EXPECT_EQ(decode_header("=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>"),
            "Keld Jørn Simonsen <keld@dkuug.dk>");
  EXPECT_EQ(decode_header("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\n"
                          " =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?="),
            "If you can read this you understand the example.");
  EXPECT_EQ(decode_header("(=?ISO-8859-1?Q?a?=)"), "(a)");
  EXPECT_EQ(decode_header("(=?ISO-8859-1?Q?a?= b)"), "(a b)");
  EXPECT_EQ(decode_header("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)"), "(ab)");
  EXPECT_EQ(decode_header("(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)"), "(ab)");
  EXPECT_EQ(decode_header("(=?ISO-8859-1?Q?a_b?=)"), "(a b)");
  EXPECT_EQ(decode_header("(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)"), "(a b)");
}

TEST(HeaderDecoder, CharactersSplitBetweenWords) {
  EXPECT_EQ(decode_header("=?utf-8?Q?caf=C3?= =?UTF-8?Q?=A9?="), "café");
  EXPECT_EQ(decode_header("=?utf-8?B?4oI=?=\n =?utf-8?B?rA==?="), "€");
  EXPECT_EQ(decode_header("=?utf-8?Q?=E2?=\n =?utf-8?B?gqw=?="), "€");  // in both encodings
}

TEST(HeaderDecoder, LanguageTag) {  // RFC 2231 5
  EXPECT_EQ(decode_header("=?US-ASCII*EN?Q?Keith_Moore?="), "Keith Moore");
}

TEST(HeaderDecoder, LenientWords) {
  EXPECT_EQ(decode_header("=?utf-8?q?hello world?="), "hello world");
  EXPECT_EQ(decode_header("=?utf-8?Q?What?\?="), "What?");
  EXPECT_EQ(decode_header("a=?utf-8?Q?b?=c"), "abc");
  EXPECT_EQ(decode_header("=?utf-8?B?SGkh"), "=?utf-8?B?SGkh");  // never ends
  EXPECT_EQ(decode_header("=?utf-8?X?abc?="), "=?utf-8?X?abc?=");
  EXPECT_EQ(decode_header("=?no-such?Q?abc=C3=A9?="), "abcé");
}

TEST(HeaderDecoder, EightBitText) {
  EXPECT_EQ(decode_header("caf\xc3\xa9"), "café");
  EXPECT_EQ(decode_header("caf\xe9 \xc3\xa9"), "café Ã©");  // not all of it UTF-8
}

TEST(HeaderDecoder, WordsMayBeKept) {
  EXPECT_EQ(decode_header("<=?utf-8?Q?a?=@x>", HeaderDecoder::Words::kKeep), "<=?utf-8?Q?a?=@x>");
  EXPECT_FALSE(holds_encoded_words("Message-ID"));
  EXPECT_FALSE(holds_encoded_words("List-Unsubscribe"));
  EXPECT_TRUE(holds_encoded_words("Subject"));
}

TEST(HeaderDecoder, CutsBetweenCharacters) {
  ConverterCache converters;
  HeaderDecoder decoder(&converters);
  std::array<char, 4> out;
  EXPECT_EQ(decoder.decode("abc\xc3\xa9", HeaderDecoder::Words::kDecode, out), "abc");
  EXPECT_TRUE(decoder.cut());
  EXPECT_EQ(decoder.decode("abcd", HeaderDecoder::Words::kDecode, out), "abcd");
  EXPECT_FALSE(decoder.cut());
}

}  // namespace
}  // namespace postern::mime
