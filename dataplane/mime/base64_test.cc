#include "dataplane/mime/base64.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace postern::mime {
namespace {

struct Decoded {
  std::string text;
  bool damaged;
  bool operator==(const Decoded&) const = default;
};

Decoded decode_base64(std::string_view in, size_t piece = SIZE_MAX) {
  Base64Decoder decoder;
  std::string text;
  while (!in.empty()) {
    const std::string_view part = in.substr(0, piece);
    std::vector<uint8_t> out(Base64Decoder::decoded_bound(part.size()));
    const size_t made =
        decoder.decode({reinterpret_cast<const uint8_t*>(part.data()), part.size()}, out.data());
    text.append(reinterpret_cast<const char*>(out.data()), made);
    in.remove_prefix(part.size());
  }
  uint8_t rest[3];
  const size_t made = decoder.finish(rest);
  text.append(reinterpret_cast<const char*>(rest), made);
  return {text, decoder.damaged()};
}

// RFC 4648 10.
TEST(Base64, TestVectors) {
  EXPECT_EQ(decode_base64(""), (Decoded{"", false}));
  EXPECT_EQ(decode_base64("Zg=="), (Decoded{"f", false}));
  EXPECT_EQ(decode_base64("Zm8="), (Decoded{"fo", false}));
  EXPECT_EQ(decode_base64("Zm9v"), (Decoded{"foo", false}));
  EXPECT_EQ(decode_base64("Zm9vYg=="), (Decoded{"foob", false}));
  EXPECT_EQ(decode_base64("Zm9vYmE="), (Decoded{"fooba", false}));
  EXPECT_EQ(decode_base64("Zm9vYmFy"), (Decoded{"foobar", false}));
}

TEST(Base64, WholeAlphabet) {
  const Decoded all =
      decode_base64("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
  // The sextets 0 to 63 in order.
  std::string expected;
  for (unsigned i = 0; i < 64; i += 4) {
    const unsigned group = i << 18 | (i + 1) << 12 | (i + 2) << 6 | (i + 3);
    expected +=
        {static_cast<char>(group >> 16), static_cast<char>(group >> 8), static_cast<char>(group)};
  }
  EXPECT_EQ(all.text, expected);
}

TEST(Base64, LinesOfAnyLengthAndWhiteSpace) {
  EXPECT_EQ(decode_base64("Zm9\r\nvYm\r\nFy\r\n"), (Decoded{"foobar", false}));
  EXPECT_EQ(decode_base64(" Z m\t9v\nYmFy"), (Decoded{"foobar", false}));
}

TEST(Base64, JunkIsSkippedAndNamed) {
  EXPECT_EQ(decode_base64("Zm9v!Y-mFy"), (Decoded{"foobar", true}));
  EXPECT_EQ(decode_base64("Zm9v\xffYmFy"), (Decoded{"foobar", true}));
}

TEST(Base64, TextGoesOnAfterPadding) {
  EXPECT_EQ(decode_base64("Zg==Zm9v"), (Decoded{"ffoo", true}));
  EXPECT_EQ(decode_base64("Zm8=Zg=="), (Decoded{"fof", true}));
}

TEST(Base64, MissingPaddingIsForgiven) {
  EXPECT_EQ(decode_base64("Zg"), (Decoded{"f", false}));
  EXPECT_EQ(decode_base64("Zm9vYmE"), (Decoded{"fooba", false}));
}

TEST(Base64, LoneCharacterIsDamage) { EXPECT_EQ(decode_base64("Zm9vY"), (Decoded{"foo", true})); }

TEST(Base64, PiecesMakeNoDifference) {
  const std::string_view text = "Zm9v\r\nYmFyIGJheg==\r\nZm=9vYmFy!Zg";
  const Decoded whole = decode_base64(text);
  for (size_t piece = 1; piece < text.size(); ++piece) EXPECT_EQ(decode_base64(text, piece), whole);
}

}  // namespace
}  // namespace postern::mime
