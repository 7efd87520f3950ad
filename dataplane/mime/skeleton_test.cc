#include "dataplane/mime/skeleton.h"

#include <gtest/gtest.h>

#include <string>

#include "dataplane/mime/charset.h"

namespace postern::mime {
namespace {

std::string skeleton(std::string_view text) {
  static Skeleton folder;
  return std::string(folder.fold(text));
}

TEST(Skeleton, CapitalsAndPunctuation) {
  EXPECT_EQ(skeleton("Buy NOW, and save - a lot!"), "buy now, and save - a lot!");
  EXPECT_EQ(skeleton(""), "");
  EXPECT_EQ(skeleton(" "), " ");
}

TEST(Skeleton, LettersInOtherClothes) {
  EXPECT_EQ(skeleton("ＶＩＡＧＲＡ ｐｉｌｌ"), "viagra pill");  // full-width
  EXPECT_EQ(skeleton("𝐕𝐢𝐚𝐠𝐫𝐚 𝓿𝓲𝓪𝓰𝓻𝓪 𝕧𝕚𝕒𝕘𝕣𝕒 𝚟𝚒𝚊𝚐𝚛𝚊"), "viagra viagra viagra viagra");
  EXPECT_EQ(skeleton("ⓥⓘⓐⓖⓡⓐ"), "viagra");          // circled
  EXPECT_EQ(skeleton("ﬁne oﬀice"), "fine office");  // ligatures
  EXPECT_EQ(skeleton("vïágrà Ünïcödé"), "viagra unicode");
  EXPECT_EQ(skeleton("v\u0336i\u0336a\u0336g\u0336r\u0336a\u0336"), "viagra");  // struck through
}

TEST(Skeleton, LettersOfOtherScripts) {
  EXPECT_EQ(skeleton("раураl"), "paypal");  // Cyrillic
  EXPECT_EQ(skeleton("ΡΑΥΡΑL"), "paypal");  // Greek capitals
  EXPECT_EQ(skeleton("сіаlіѕ"), "cialis");
  EXPECT_EQ(skeleton("ІNVОІСЕ"), "invoice");  // capitals that look like I
  EXPECT_EQ(skeleton("Привет"), "пpивeт");    // what looks like none stays, small
  EXPECT_EQ(skeleton("你好"), "你好");
}

TEST(Skeleton, WhatIsNotSeen) {
  EXPECT_EQ(skeleton("vi\u200bag\u00adra\ufeff"), "viagra");
  EXPECT_EQ(skeleton("vi\u2060a\u034fgr\U000e0001a"), "viagra");
}

TEST(Skeleton, DigitsInWords) {
  EXPECT_EQ(skeleton("V1agra p0rn fr33dom c@sh"), "viagra porn freedom cash");
  EXPECT_EQ(skeleton("v14gra cia1is"), "viagra ciaiis");
  EXPECT_EQ(skeleton("2024 b2 mp3 H264 x1111y 10am"), "2024 b2 mp3 h264 x1111y 10am");
  EXPECT_EQ(skeleton("Bob@Host.example l1st@my-linux.org p@ss. word"),
            "bob@host.example list@my-linux.org pass. word");
}

TEST(Skeleton, LettersThatStandAlone) {
  EXPECT_EQ(skeleton("v i a g r a"), "viagra");
  EXPECT_EQ(skeleton("buy V.I.A.G.R.A. today"), "buy viagra. today");
  EXPECT_EQ(skeleton("(v - i - a - g - r - a)"), "(viagra)");
  EXPECT_EQ(skeleton("f_r_e_e m*o*n*e*y"), "freemoney");
  EXPECT_EQ(skeleton("в і а g r а"), "вiagra");
  EXPECT_EQ(skeleton("a b"), "a b");  // two are no word
  EXPECT_EQ(skeleton("plan a, b or"), "plan a, b or");
  EXPECT_EQ(skeleton("a, b    c"), "a, b    c");  // too far apart
  EXPECT_EQ(skeleton("x a b yy"), "xab yy");
}

TEST(Skeleton, WhereverTheLettersStand) {
  for (size_t before = 2; before < 200; ++before) {
    const std::string words = std::string(before, 'x') + " ";
    EXPECT_EQ(skeleton(words + "v  i  a  g  r  a"), words + "viagra") << before;
    EXPECT_EQ(skeleton(words + "é---é---é yes"), words + "eee yes") << before;
    EXPECT_EQ(skeleton(words + "в---и---л yes"), words + "вил yes") << before;
  }
}

TEST(Skeleton, LongParagraphs) {
  std::string text;
  while (text.size() < 2049 - 2) text += "é";
  EXPECT_EQ(skeleton(text).size(), text.size() / 2);
  std::string wide;
  while (wide.size() < 2049 - 3) wide += "㎞";
  EXPECT_EQ(skeleton(wide).size(), wide.size() / 3 * 2);
}

// Every character there is: what comes out is well-formed, and short enough for the buffer.
TEST(Skeleton, EveryCharacter) {
  for (char32_t c = 1; c <= 0x10ffff; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    char utf8[4];
    const size_t length = put_utf8(c, utf8);
    const std::string out = skeleton({utf8, length});
    ASSERT_EQ(utf8_prefix(out), out.size()) << std::hex << static_cast<uint32_t>(c);
    ASSERT_LE(out.size(), std::max<size_t>(length * 3 / 2, 3))
        << std::hex << static_cast<uint32_t>(c);
  }
}

}  // namespace
}  // namespace postern::mime
