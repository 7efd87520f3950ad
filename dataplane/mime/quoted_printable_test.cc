#include "dataplane/mime/quoted_printable.h"

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

Decoded decode_quoted(std::string_view in, size_t piece = SIZE_MAX) {
  QuotedPrintableDecoder decoder;
  decoder.begin();
  std::string text;
  while (!in.empty()) {
    const std::string_view part = in.substr(0, piece);
    std::vector<uint8_t> out(QuotedPrintableDecoder::decoded_bound(part.size()));
    const size_t made =
        decoder.decode({reinterpret_cast<const uint8_t*>(part.data()), part.size()}, out.data());
    text.append(reinterpret_cast<const char*>(out.data()), made);
    in.remove_prefix(part.size());
  }
  std::vector<uint8_t> out(QuotedPrintableDecoder::decoded_bound(0));
  const size_t made = decoder.finish(out.data());
  text.append(reinterpret_cast<const char*>(out.data()), made);
  return {text, decoder.damaged()};
}

// The example of RFC 2045 6.7.
TEST(QuotedPrintable, SoftLineBreaks) {
  EXPECT_EQ(
      decode_quoted("Now's the time =\r\nfor all folk to come=\r\n to the aid of their country."),
      (Decoded{"Now's the time for all folk to come to the aid of their country.", false}));
}

TEST(QuotedPrintable, EscapesInEitherCase) {
  EXPECT_EQ(decode_quoted("caf=C3=A9 =3d =3D"), (Decoded{"caf\xc3\xa9 = =", false}));
  EXPECT_EQ(decode_quoted("=00=ff"), (Decoded{std::string("\0\xff", 2), false}));
}

TEST(QuotedPrintable, LineEndsStayAsTheyCame) {
  EXPECT_EQ(decode_quoted("a\r\nb\nc"), (Decoded{"a\r\nb\nc", false}));
}

// Rule 3: white space at a line's end was added on the way; escaped white space was not.
TEST(QuotedPrintable, TransportPadding) {
  EXPECT_EQ(decode_quoted("a \t \r\nb =20 \nc"), (Decoded{"a\r\nb  \nc", false}));
  EXPECT_EQ(decode_quoted("soft= \t\r\nbreak="), (Decoded{"softbreak", false}));
  EXPECT_EQ(decode_quoted("end  "), (Decoded{"end  ", false}));
}

TEST(QuotedPrintable, WhatIsNoEscapeStands) {
  EXPECT_EQ(decode_quoted("1=2 and =XY =A and a=\tb"), (Decoded{"1=2 and =XY =A and a=\tb", true}));
  EXPECT_EQ(decode_quoted("=4"), (Decoded{"=4", true}));
  EXPECT_EQ(decode_quoted("==41"), (Decoded{"=A", true}));
  EXPECT_EQ(decode_quoted("=\rx"), (Decoded{"=\rx", true}));
}

TEST(QuotedPrintable, PiecesMakeNoDifference) {
  const std::string text = "x=C3=a9  \r\n y = \t\n=\r\n z\r \n=2 =\r" + std::string(700, ' ') +
                           "\r\nend" + std::string(300, '\t') + "=" + std::string(400, ' ') + "\nq";
  const Decoded whole = decode_quoted(text);
  for (size_t piece : {1, 2, 3, 5, 7, 64, 255, 256, 257, 300, 701}) {
    EXPECT_EQ(decode_quoted(text, piece), whole) << piece;
  }
}

}  // namespace
}  // namespace postern::mime
