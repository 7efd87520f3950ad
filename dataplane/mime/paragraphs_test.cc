#include "dataplane/mime/paragraphs.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace postern::mime {
namespace {

struct Lines : ParagraphSink {
  void paragraph(std::string_view text) override { lines.emplace_back(text); }
  std::vector<std::string> lines;
};
using Expected = std::vector<std::string>;

Expected plain(std::string_view text, bool keep_unseen = false) {
  Lines sink;
  Paragraphs paragraphs(&sink);
  paragraphs.begin(keep_unseen);
  paragraphs.text(text);
  paragraphs.finish();
  return sink.lines;
}

// The expected lines are what SpamAssassin 4.0.1 makes of the same text (less its line ends).
TEST(Paragraphs, LinesJoinAndBlankLinesPart) {
  EXPECT_EQ(plain("one\ntwo\n\nthree"), (Expected{"one two", "three"}));
  EXPECT_EQ(plain("one  \t two\n"), (Expected{"one two "}));
  EXPECT_EQ(plain("one\n \n\n \ntwo"), (Expected{"one", "two"}));
  EXPECT_EQ(plain("one \n\n two"), (Expected{"one \n", " two"}));
  EXPECT_EQ(plain("one\r\ntwo\r\n\r\nthree\r\n"), (Expected{"one two", "three "}));
  EXPECT_EQ(plain("one\rtwo"), (Expected{"one two"}));
  EXPECT_EQ(plain(" \n \n "), (Expected{" \n", " "}));
}

TEST(Paragraphs, UnicodeWhiteSpace) {
  EXPECT_EQ(plain("a\u00a0\u2003\u3000b"), (Expected{"a b"}));
  EXPECT_EQ(plain("a\n\u00a0\nb"), (Expected{"a", "b"}));
}

TEST(Paragraphs, UnseenCharactersGo) {
  EXPECT_EQ(plain("Vi\u200bag\u00adr\ufeffa\u2060!"), (Expected{"Viagra!"}));
  EXPECT_EQ(plain(std::string_view("Vi\0agra", 7)), (Expected{"Viagra"}));
  EXPECT_EQ(plain("Vi\u200bagra", true), (Expected{"Vi\u200bagra"}));
  EXPECT_EQ(plain("é € 😀 Ā"), (Expected{"é € 😀 Ā"}));
}

TEST(Paragraphs, LongOnesAreCutAfterABlank) {
  const std::string word(1000, 'x');
  EXPECT_EQ(plain(word + " " + word + " " + word), (Expected{word + " " + word + " ", word}));
  const std::string solid(5000, 'y');
  EXPECT_EQ(plain(solid),
            (Expected{std::string(2048, 'y'), std::string(2048, 'y'), std::string(904, 'y')}));
}

// A line's end counts: 2,048 bytes and a line end are one too many, the last line has none.
TEST(Paragraphs, CutsAtTheLimit) {
  const std::string line = std::string(1023, 'x') + " " + std::string(1024, 'y');
  ASSERT_EQ(line.size(), 2048u);
  EXPECT_EQ(plain(line), (Expected{line}));
  EXPECT_EQ(plain(line + "\n\nz"),
            (Expected{std::string(1023, 'x') + " ", std::string(1024, 'y'), "z"}));
}

TEST(Paragraphs, CharactersStayWhole) {
  std::string text = "x";
  for (int i = 0; i < 1000; ++i) text += "€";
  const Expected lines = plain(text);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].size(), 2047u);  // 1 + 682 × 3
  EXPECT_EQ(lines[0] + lines[1], text);
}

TEST(Paragraphs, HeadingComesAsItIs) {
  Lines sink;
  Paragraphs paragraphs(&sink);
  paragraphs.begin(false);
  paragraphs.heading("Re:  two  blanks");
  paragraphs.part_limit();  // nothing came before: no line end
  paragraphs.text("text");
  paragraphs.part_limit();
  paragraphs.text("more\n");
  paragraphs.part_limit();
  paragraphs.text("last");
  paragraphs.finish();
  EXPECT_EQ(sink.lines, (Expected{"Re:  two  blanks", "text more", "last"}));
}

TEST(Paragraphs, EmptyHeadingIsTold) {
  Lines sink;
  Paragraphs paragraphs(&sink);
  paragraphs.begin(false);
  paragraphs.heading("");
  paragraphs.finish();
  EXPECT_EQ(sink.lines, (Expected{""}));
}

TEST(Paragraphs, InlineBlanksVanishBesideLineEnds) {
  Lines sink;
  Paragraphs paragraphs(&sink);
  paragraphs.begin(false);
  paragraphs.inline_text("one\n two ");
  paragraphs.line_end();
  paragraphs.inline_text(" \n ");
  paragraphs.line_end();
  paragraphs.inline_text(" three");
  paragraphs.blank();
  paragraphs.inline_text("four");
  paragraphs.finish();
  EXPECT_EQ(sink.lines, (Expected{"one two", "three four"}));
}

}  // namespace
}  // namespace postern::mime
