#include "dataplane/mime/charset.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace postern::mime {
namespace {

std::string convert(const Charset& charset, std::string_view in, size_t piece = SIZE_MAX,
                    size_t room = 64) {
  TextDecoder decoder;
  decoder.begin(charset);
  std::string text;
  std::string out(room, '\0');
  while (!in.empty()) {
    std::string_view part = in.substr(0, piece);
    in.remove_prefix(part.size());
    while (!part.empty()) {
      const TextDecoder::Step step = decoder.convert(part, out.data(), room);
      text.append(out, 0, step.made);
      part.remove_prefix(step.taken);
    }
  }
  while (const size_t made = decoder.finish(out.data())) text.append(out, 0, made);
  return text;
}

std::string convert(std::string_view label, std::string_view in, size_t piece = SIZE_MAX,
                    size_t room = 64) {
  ConverterCache cache;
  return convert(cache.find(label), in, piece, room);
}

TEST(Charset, CommonLabels) {
  EXPECT_EQ(convert("us-ascii", "plain"), "plain");
  EXPECT_EQ(convert("ISO-8859-1", "caf\xe9"), "café");
  EXPECT_EQ(convert("iso-8859-1", "\x93quoted\x94 \x80"), "“quoted” €");  // windows-1252, as read
  EXPECT_EQ(convert("iso-8859-15", "\xa4"), "€");
  EXPECT_EQ(convert("windows-1251", "\xcf\xf0\xe8\xe2\xe5\xf2"), "Привет");
  EXPECT_EQ(convert("KOI8-R", "\xf0\xd2\xc9\xd7\xc5\xd4"), "Привет");
  EXPECT_EQ(convert("windows-1250", "\xb9"), "ą");
  EXPECT_EQ(convert("cp1254", "\xfe"), "ş");
}

TEST(Charset, ThroughConverters) {
  EXPECT_EQ(convert("gb2312", "\xc4\xe3\xba\xc3"), "你好");
  EXPECT_EQ(convert("GB18030", "\xc4\xe3\xba\xc3"), "你好");
  EXPECT_EQ(convert("big5", "\xa7\x41\xa6\x6e"), "你好");
  EXPECT_EQ(convert("Shift_JIS", "\x93\xfa\x96\x7b"), "日本");
  EXPECT_EQ(convert("euc-jp", "\xc6\xfc\xcb\xdc"), "日本");
  EXPECT_EQ(convert("euc-kr", "\xc7\xd1\xb1\xdb"), "한글");
  EXPECT_EQ(convert("ks_c_5601-1987", "\xc7\xd1\xb1\xdb"), "한글");
  EXPECT_EQ(convert("iso-2022-jp", "\x1b$BF|K\\\x1b(B!"), "日本!");
  EXPECT_EQ(convert("utf-7", "Hi +AKM-1"), "Hi £1");
  EXPECT_EQ(convert("utf-16le", std::string_view("h\0i\0", 4)), "hi");
  EXPECT_EQ(convert("utf-16be", std::string_view("\xd8\x3d\xde\x00", 4)), "😀");
}

// What is no UTF-8 in UTF-8 is taken for windows-1252, octet by octet.
TEST(Charset, DamagedUtf8) {
  EXPECT_EQ(convert("utf-8", "caf\xc3\xa9 caf\xe9"), "café café");
  EXPECT_EQ(convert("utf-8", "\xe2\x82"), "â‚");
  EXPECT_EQ(convert("utf-8", "\xc0\x80"), "À€");            // overlong
  EXPECT_EQ(convert("utf-8", "\xed\xa0\x80"), "í\u00a0€");  // a surrogate
}

TEST(Charset, UnknownLabelsAreWindows1252) {
  ConverterCache cache;
  const Charset charset = cache.find("x-no-such-charset");
  EXPECT_FALSE(charset.known);
  EXPECT_TRUE(charset.guessed);
  EXPECT_EQ(convert(charset, "\x80"), "€");
  EXPECT_FALSE(cache.find("x-no-such-charset").known);  // remembered
  EXPECT_TRUE(cache.find("").known);
}

TEST(Charset, PiecesAndRoomMakeNoDifference) {
  const struct {
    std::string_view label, in;
  } texts[] = {{"utf-8", "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xff\xe2\x82(\xf0\x9f\x98"},
               {"windows-1251", "\xcf\xf0 x\xe8\xe2\xe5\xf2"},
               {"gb18030", "\xc4\xe3\xba\xc3 \x94\x39\xfc\x36 x"},
               {"iso-2022-jp", "a\x1b$BF|K\\\x1b(B\x1b$BF|\x1b(B!"},
               {"utf-16le", std::string_view("h\0\x3d\xd8\x00\xde\x3d\xd8x\0", 10)},
               {"utf-7", "Hi +AKM-1 +2D3eAA-"}};
  for (const auto& text : texts) {
    const std::string whole = convert(text.label, text.in, SIZE_MAX, 1024);
    for (size_t piece = 1; piece <= text.in.size(); ++piece) {
      EXPECT_EQ(convert(text.label, text.in, piece, 16), whole) << text.label << ' ' << piece;
    }
  }
}

// Joined ISO-2022 texts shift to and fro with nothing between.
TEST(Charset, EmptyShiftsAreNothing) {
  EXPECT_EQ(convert("iso-2022-jp", "\x1b$BF|\x1b(B\x1b$BK\\\x1b(B"), "日本");
}

TEST(Charset, CacheKeepsFewConverters) {
  ConverterCache cache;
  const char* labels[] = {"gb18030",     "big5",  "euc-jp",     "euc-kr",      "shift_jis",
                          "iso-2022-jp", "utf-7", "big5-hkscs", "iso-2022-kr", "hz-gb-2312"};
  for (int round = 0; round < 3; ++round) {
    for (const char* label : labels) EXPECT_TRUE(cache.find(label).known) << label;
  }
}

TEST(Charset, Utf8Prefix) {
  EXPECT_EQ(utf8_prefix("abc"), 3u);
  EXPECT_EQ(utf8_prefix("ab\xc3"), 2u);
  EXPECT_TRUE(is_utf8_beginning("\xc3"));
  EXPECT_TRUE(is_utf8_beginning("\xf0\x9f\x98"));
  EXPECT_FALSE(is_utf8_beginning("\xff"));
  EXPECT_FALSE(is_utf8_beginning("\xe0\x80"));
}

}  // namespace
}  // namespace postern::mime
