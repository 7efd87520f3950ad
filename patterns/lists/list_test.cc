// Files of lists and the table made of them. What dnset lines mean is what rbldnsd's manual says.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "patterns/lists/list_file.h"

namespace postern::lists {
namespace {

using ::testing::HasSubstr;

struct Read {
  ListErrors errors;
  std::vector<uint64_t> block;
  ListTable table;
  uint8_t operator[](std::string_view text) const { return table.marks(hash_of(text)); }
};

Read read(std::string_view text, ListKind kind, ListFormat format = ListFormat::kText,
          bool keep_query = true) {
  Read out;
  ListBuilder builder;
  out.errors = read_list(text, kind, format, keep_query, builder);
  out.block = builder.finish();
  out.table = *ListTable::open(out.block);
  return out;
}

TEST(ListFile, text_of_domains) {
  const Read list =
      read("# comment\nExample.COM  # behind an entry\n\n.below.example\n!no.below.example\n",
           ListKind::kDomains);
  EXPECT_EQ(list.errors.count, 0u);
  EXPECT_EQ(list.table.size(), 3u);
  EXPECT_EQ(list["example.com"], kListed);
  EXPECT_EQ(list["Example.COM"], 0);
  EXPECT_EQ(list["below.example"], kListed | kListedBelow);
  EXPECT_EQ(list["no.below.example"], kExcluded);
  EXPECT_EQ(list["www.example.com"], 0);
}

TEST(ListFile, dnset) {
  const Read list = read(R"($SOA 3600 ns.example.net admin.example.net 0 600 300 86400 300
$TTL 2048
; a comment
# another
:127.0.0.2:listed, see http://example.net/?$
plain.example
.covered.example :127.0.0.4:another value
*.below.example	text behind a tab
!fine.covered.example
!.all.covered.example.
)",
                         ListKind::kDomains, ListFormat::kDnset);
  EXPECT_EQ(list.errors.count, 0u);
  EXPECT_EQ(list.table.size(), 5u);
  EXPECT_EQ(list["plain.example"], kListed);
  EXPECT_EQ(list["covered.example"], kListed | kListedBelow);
  EXPECT_EQ(list["below.example"], kListedBelow);
  EXPECT_EQ(list["fine.covered.example"], kExcluded);
  EXPECT_EQ(list["all.covered.example"], kExcluded | kExcludedBelow);
}

TEST(ListFile, normal_forms) {
  const Read urls =
      read("HTTP://User@Example.com:80\nhttps://example.com:8443/A?b=C#d\n", ListKind::kUrls);
  EXPECT_EQ(urls.errors.count, 0u);
  EXPECT_NE(urls["http://example.com/"], 0);
  EXPECT_NE(urls["https://example.com:8443/A?b=C#d"], 0);
  const Read bare = read("http://example.com/a?b#c\n", ListKind::kUrls, ListFormat::kText, false);
  EXPECT_NE(bare["http://example.com/a"], 0);
  EXPECT_NE(read("<Bob@Example.COM>\n", ListKind::kAddresses)["bob@example.com"], 0);
  EXPECT_NE(read("Invoice 2024.EXE\n", ListKind::kFileNames)["invoice 2024.exe"], 0);
  const std::string digest(64, 'A');
  EXPECT_NE(read(digest, ListKind::kSha256)[std::string(64, 'a')], 0);
}

TEST(ListFile, errors_say_where_and_what_was_expected) {
  const Read list = read(
      "good.example\nbad domain\nb\xc3\xbc"
      "cher.example\n",
      ListKind::kDomains);
  ASSERT_EQ(list.errors.count, 2u);
  EXPECT_EQ(list.errors.first[0].line, 2u);
  EXPECT_THAT(list.errors.first[0].what, HasSubstr("'bad domain' is no domain; expected a name"));
  EXPECT_EQ(list.errors.first[1].line, 3u);
  EXPECT_THAT(list.errors.first[1].what, HasSubstr("xn--"));
  EXPECT_THAT(read("bob\n", ListKind::kAddresses).errors.first.at(0).what,
              HasSubstr("expected one such as bob@example.com"));
  EXPECT_THAT(read("example.com/x\n", ListKind::kUrls).errors.first.at(0).what,
              HasSubstr("expected one such as http://"));
  EXPECT_THAT(read("abc\n", ListKind::kSha256).errors.first.at(0).what,
              HasSubstr("expected 64 hexadecimal digits"));
}

TEST(ListFile, of_many_errors_the_first_are_told) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "no name\n";
  const Read list = read(text, ListKind::kDomains);
  EXPECT_EQ(list.errors.count, 1000u);
  EXPECT_EQ(list.errors.first.size(), kToldErrors);
}

TEST(ListTable, holds_what_was_added_and_nothing_else) {
  constexpr int kEntries = 100'000;
  ListBuilder forwards, backwards;
  for (int i = 0; i < kEntries; ++i) {
    forwards.add(fmt::format("name{}.example", i), kListed);
    backwards.add(fmt::format("name{}.example", kEntries - 1 - i), kListed);
  }
  backwards.add("name7.example", kExcluded);
  forwards.add("name7.example", kExcluded);
  const std::vector<uint64_t> block = forwards.finish();
  EXPECT_EQ(block, backwards.finish());
  const auto table = ListTable::open(block);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->size(), static_cast<uint64_t>(kEntries));
  for (int i = 0; i < kEntries; ++i) {
    const uint8_t expected = i == 7 ? kListed | kExcluded : kListed;
    ASSERT_EQ(table->marks(hash_of(fmt::format("name{}.example", i))), expected) << i;
    ASSERT_EQ(table->marks(hash_of(fmt::format("other{}.example", i))), 0) << i;
  }
}

TEST(ListTable, empty) {
  const std::vector<uint64_t> block = ListBuilder().finish();
  const auto table = ListTable::open(block);
  ASSERT_TRUE(table);
  EXPECT_EQ(table->size(), 0u);
  EXPECT_EQ(table->marks(hash_of("x")), 0);
}

TEST(ListTable, damage_is_refused) {
  ListBuilder builder;
  for (int i = 0; i < 100; ++i) builder.add(fmt::format("n{}", i), kListed);
  const std::vector<uint64_t> block = builder.finish();
  const auto error = [&](auto change) {
    std::vector<uint64_t> changed = block;
    change(changed);
    const auto table = ListTable::open(changed);
    return table ? std::string("accepted") : table.error();
  };
  EXPECT_EQ(error([](auto&) {}), "accepted");
  EXPECT_THAT(error([](auto& b) { b.pop_back(); }), HasSubstr("wrong length"));
  EXPECT_THAT(error([](auto& b) { b[0] += 1; }), HasSubstr("wrong length"));
  EXPECT_THAT(error([](auto& b) { b[0] = UINT64_MAX; }), HasSubstr("larger than any"));
  EXPECT_THAT(error([](auto& b) { b[1] = 64; }), HasSubstr("larger than any"));
  EXPECT_THAT(error([](auto& b) { b[2] = UINT64_MAX; }), HasSubstr("not in order"));
  EXPECT_THAT(error([](auto& b) { b.resize(1); }), HasSubstr("too early"));
}

}  // namespace
}  // namespace postern::lists
