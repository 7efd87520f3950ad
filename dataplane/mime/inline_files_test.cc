#include "dataplane/mime/inline_files.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace postern::mime {
namespace {

struct Files : InlineFileSink {
  void inline_file_begin() override { files.emplace_back(); }
  void inline_file_octets(std::string_view octets) override { files.back() += octets; }
  void inline_file_end() override { ++ended; }
  std::vector<std::string> files;
  size_t ended = 0;
};

std::vector<std::string> files_in(std::string_view text, size_t piece = SIZE_MAX) {
  Files sink;
  InlineFiles reader(&sink);
  reader.begin();
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    reader.feed(text.substr(0, piece));
  }
  reader.finish();
  EXPECT_EQ(sink.ended, sink.files.size());
  return sink.files;
}

using Texts = std::vector<std::string>;

// python3 -c 'import binascii; print(binascii.b2a_uu(b"Hello, uuencoded world.\n"))'
constexpr std::string_view kUuencoded =
    "text\nbegin 644 x.txt\n82&5L;&\\L('5U96YC;V1E9\"!W;W)L9\"X*\n`\nend\nmore\n";

TEST(InlineFiles, Uuencode) {
  EXPECT_EQ(files_in(kUuencoded), (Texts{"Hello, uuencoded world.\n"}));
  std::string crlf;
  for (char c : kUuencoded) crlf += c == '\n' ? "\r\n" : std::string(1, c);
  for (size_t piece = 1; piece < crlf.size(); ++piece) {
    EXPECT_EQ(files_in(crlf, piece), (Texts{"Hello, uuencoded world.\n"})) << piece;
  }
}

TEST(InlineFiles, UuencodeThatIsDamaged) {
  // "$" is four octets; the groups of blanks (zero bits) were cut off.
  EXPECT_EQ(files_in("begin 644 x\n$86)C\nend\n"), (Texts{std::string("abc\0", 4)}));
  // What cannot be a line of it ends it.
  EXPECT_EQ(files_in("begin 644 x\n#86)C\nlower case\n#86)C\n"), (Texts{"abc"}));
  // A file that nothing ends, and two of them.
  EXPECT_EQ(files_in("begin 644 x\n#86)C"), (Texts{"abc"}));
  EXPECT_EQ(files_in("begin 644 x\n#86)C\nend\nbegin 0755 y\n#86)C\nend"), (Texts{"abc", "abc"}));
}

TEST(InlineFiles, TextThatBeginsNone) {
  EXPECT_EQ(files_in("begin with me\nbegin 64 x\nbegin 644\n begin 644 x\nbegin 888 x\n"), Texts{});
  EXPECT_EQ(files_in("=ybeginning\n=y\n"), Texts{});
}

// yEnc 1.3: each octet plus 42; NUL, LF, CR and "=" as "=" and 64 more.
TEST(InlineFiles, Yenc) {
  const std::string_view text =
      "=ybegin line=128 size=5 name=x\r\n=ypart begin=1 end=5\r\n\x8b\x8c=}\x8d\r\n=yend "
      "size=5\r\n";
  for (size_t piece = 1; piece < text.size(); ++piece) {
    EXPECT_EQ(files_in(text, piece), (Texts{std::string("ab\x13"
                                                        "c")}))
        << piece;
  }
}

TEST(InlineFiles, LongLines) {
  const std::string line(5000, 'x');
  EXPECT_EQ(files_in("=ybegin line=9 size=9 name=x\n" + line + "\n" + line + "\n=yend\n")[0].size(),
            2 * InlineFiles::kLineBytes);
  EXPECT_EQ(files_in(line + "\nbegin 644 x\n#86)C\nend\n"), (Texts{"abc"}));
}

}  // namespace
}  // namespace postern::mime
