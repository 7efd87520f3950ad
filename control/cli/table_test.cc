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
