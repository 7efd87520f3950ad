#include "control/cli/table.h"

#include <gtest/gtest.h>

namespace postern::cli {
namespace {

TEST(Printable, ControlCharactersCannotReachTheTerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\r\n"), "a\\x1b[2Jb\\x0d\\x0a");
  EXPECT_EQ(printable("\x7f"), "\\x7f");
  // U+009B is the one-character form of ESC [.
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "\\x9b2J");
  EXPECT_EQ(printable("Gr\xc3\xbc\xc3\x9f"
                      "e"),
            "Gr\xc3\xbc\xc3\x9f"
            "e");
}

TEST(Printable, CutsByCharacters) {
  EXPECT_EQ(printable("\xc3\xbc\xc3\xbc\xc3\xbc", 2), "\xc3\xbc\xc3\xbc…");
  EXPECT_EQ(printable("abc", 3), "abc");
}

// The widths of Unicode's EastAsianWidth.txt: W and F take two columns; Mn takes none.
TEST(Width, IsInColumnsOfATerminal) {
  EXPECT_EQ(width("abc"), 3u);
  EXPECT_EQ(width("\u00fc"), 1u);
  EXPECT_EQ(width("\u65e5\u672c"), 4u);  // W: CJK ideographs
  EXPECT_EQ(width("\ud55c"), 2u);        // W: Hangul
  EXPECT_EQ(width("\uff21"), 2u);        // F: fullwidth A
  EXPECT_EQ(width("\uff71"), 1u);        // H: halfwidth katakana
  EXPECT_EQ(width("e\u0301"), 1u);       // Mn: an accent
  EXPECT_EQ(width("\xff\xe6\x97"), 3u);  // no UTF-8
  EXPECT_EQ(printable("\u65e5\u672c\u8a9e", 5), "\u65e5\u672c…");
  EXPECT_EQ(printable("\u65e5\u672c\u8a9e", 6), "\u65e5\u672c\u8a9e");
}

TEST(Table, AlignsWideCharacters) {
  Table table({"A", "B"});
  table.add({"\u65e5\u672c", "1"});
  table.add({"xyz", "2"});
  EXPECT_EQ(table.to_string(), "A     B\n\u65e5\u672c  1\nxyz   2\n");
}

TEST(Table, AlignsByCharactersAndLeavesNoTrailingSpaces) {
  Table table({"A", "B", "C"});
  table.add({"\xc3\xbc", "22", ""});
  table.add({"xyz", "1", "end"});
  EXPECT_EQ(table.to_string(1), " A    B   C\n \xc3\xbc    22\n xyz  1   end\n");
}

TEST(Times, AreWritten) {
  EXPECT_EQ(local_time(0), "never");
  EXPECT_EQ(age(59), "59s");
  EXPECT_EQ(age(60), "1m");
  EXPECT_EQ(age(7'500), "2h05m");
  EXPECT_EQ(age(86'400 * 4 + 3 * 3'600), "4d3h");
}

}  // namespace
}  // namespace postern::cli
