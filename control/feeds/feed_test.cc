#include "control/feeds/feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace postern::feeds {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr uint64_t kNow = 1'732'000'000;  // 2024-11-19 07:06:40 UTC

std::string error_of(std::string_view text, Format format) {
  const auto feed = read_feed(text, format, kNow);
  return feed ? "read" : feed.error();
}

std::vector<std::string> texts(const Feed& feed) {
  std::vector<std::string> out;
  for (const Entry& entry : feed.entries) {
    out.push_back((entry.excluded ? "!" : "") + entry.prefix.to_string() +
                  (entry.reference.empty() ? "" : " " + entry.reference));
  }
  return out;
}

Feed read(std::string_view text, Format format) {
  auto feed = read_feed(text, format, kNow);
  EXPECT_TRUE(feed) << feed.error();
  return feed.value_or(Feed());
}

constexpr std::string_view kDrop =
    "; Spamhaus DROP List 2024/11/19 - (c) 2024 The Spamhaus Project\n"
    "; https://www.spamhaus.org/drop/drop.txt\n"
    "; Last-Modified: Tue, 19 Nov 2024 06:46:40 GMT\n"
    "; Expires: Tue, 19 Nov 2024 08:00:00 GMT\n"
    "2.56.192.0/22 ; SBL459831\n"
    "1.10.16.0/20 ; SBL256894\n";

TEST(Drop, TextIsRead) {
  const Feed feed = read(kDrop, Format::kDropText);
  EXPECT_THAT(texts(feed), ElementsAre("1.10.16.0/20 SBL256894", "2.56.192.0/22 SBL459831"));
  EXPECT_EQ(feed.published_unix_s, 1'731'998'800U);  // date -d '2024-11-19 06:46:40 UTC' +%s
  EXPECT_THAT(feed.notes, ElementsAre(HasSubstr("Spamhaus Project")));
}

// Each beginning of the file: only where it ends with a line is it a file at all, and one without
// entries or without its date is no list.
TEST(Drop, NoTextThatWasCutShortIsTaken) {
  for (size_t length = 0; length < kDrop.size(); ++length) {
    const std::string_view cut = kDrop.substr(0, length);
    const bool is_lines = cut.ends_with('\n') && cut.find("SBL") != cut.npos;
    EXPECT_EQ(read_feed(cut, Format::kDropText, kNow).has_value(), is_lines) << cut;
  }
  EXPECT_THAT(error_of("1.10.16.0/20 ; SBL256894\n", Format::kDropText),
              HasSubstr("no line says when the list was made"));
  EXPECT_THAT(error_of("<html>\n", Format::kDropText), HasSubstr("line 1: "));
  EXPECT_THAT(error_of("; Last-Modified: Tue, 19 Nov 2024 06:46:40 GMT\n0.0.0.0/0 ; SBL1\n",
                       Format::kDropText),
              HasSubstr("line 2: 0.0.0.0/0 is wider"));
}

const std::string kDropJson =
    R"({"cidr":"1.10.16.0\/20","sblid":"SBL256894","rir":"apnic"})"
    "\n"
    R"({"cidr":"2001:db8::\/32","sblid":"SBL1","rir":"ripencc"})"
    "\n"
    R"({"type":"metadata","timestamp":1731999600,"size":90,"records":2,"copyright":"(c) x"})"
    "\n";

TEST(Drop, JsonIsReadWholeOrNotAtAll) {
  const Feed feed = read(kDropJson, Format::kDropJson);
  EXPECT_THAT(texts(feed), ElementsAre("1.10.16.0/20 SBL256894", "2001:db8::/32 SBL1"));
  EXPECT_EQ(feed.published_unix_s, 1'731'999'600U);
  for (size_t length = 0; length < kDropJson.size(); ++length) {
    EXPECT_FALSE(read_feed(std::string_view(kDropJson).substr(0, length), Format::kDropJson, kNow))
        << length;
  }
  const size_t second = kDropJson.find('\n') + 1;
  EXPECT_THAT(error_of(kDropJson.substr(second), Format::kDropJson),
              HasSubstr("says it has 2 records and has 1"));
  EXPECT_THAT(error_of(kDropJson + kDropJson, Format::kDropJson), HasSubstr("behind the line of"));
}

// The file of the manual page's kinds of entries.
TEST(Rbldnsd, Ip4setIsRead) {
  const Feed feed = read(
      "$SOA 1w ns1.example.com admin.example.com 0 2h 2h 1w 1h\n"
      "$NS 1w ns1.example.com ns2.example.com\n"
      "# comment\n"
      ":127.0.0.2:Outbound spam, see https://example.com/?$\n"
      "192.0.2.10\n"
      "192.0.2.64/26 :127.0.0.3:range listed\n"
      "198.51.100.1-4\n"
      "!192.0.2.70\n"
      "203.0.113\n"
      "10.1-10.2 two networks\n",
      Format::kIp4Set);
  constexpr const char* kUsual = " Outbound spam, see https://example.com/?$";
  EXPECT_THAT(
      texts(feed),
      ElementsAre("10.1.0.0/16 two networks", "10.2.0.0/16 two networks",
                  std::string("192.0.2.10") + kUsual, "192.0.2.64/26 range listed",
                  std::string("!192.0.2.70") + kUsual, std::string("198.51.100.1") + kUsual,
                  std::string("198.51.100.2/31") + kUsual, std::string("198.51.100.4") + kUsual,
                  std::string("203.0.113.0/24") + kUsual));
}

TEST(Rbldnsd, WhatIsNoEntryIsRefused) {
  for (const char* line : {"192.0.2.256", "192.0.2.1-192.0.1.9", "192.0.2.0/33", "192.0.2.", "x",
                           "192.0.2.1-", "192.0.2.5-3", "192.0.2.1/24"}) {
    EXPECT_THAT(error_of(std::string(line) + "\n", Format::kIp4Set), HasSubstr("line 1: '"))
        << line;
  }
  EXPECT_THAT(error_of("192.0.2.1-9\n", Format::kIp4Trie), HasSubstr("is no entry of an ip4trie"));
  EXPECT_THAT(error_of("0/1\n", Format::kIp4Trie), HasSubstr("wider than any list's"));
  EXPECT_THAT(error_of("$DATASET ip4set\n192.0.2.1\n", Format::kIp4Set), HasSubstr("$DATASET"));
  EXPECT_THAT(error_of("!192.0.2.1\n", Format::kIp4Set), HasSubstr("no entries"));
}

TEST(Rbldnsd, AnExclusionTakesOutJustItsRange) {
  EXPECT_THAT(texts(read("192.0.2.0/24\n!192.0.2.0/24\n198.51.100.0/24\n", Format::kIp4Trie)),
              ElementsAre("!192.0.2.0/24", "198.51.100.0/24"));
}

TEST(Rbldnsd, EntriesWiderThanTheFileAllowsArePassedOver) {
  const Feed feed = read("$MAXRANGE4 /24\n192.0.0.0/16\n192.0.2.0/24\n", Format::kIp4Set);
  EXPECT_THAT(texts(feed), ElementsAre("192.0.2.0/24"));
  EXPECT_THAT(feed.notes, ElementsAre(HasSubstr("1 entries wider than $MAXRANGE4 /24")));
}

TEST(Rbldnsd, AListThatIsOverIsRefused) {
  EXPECT_EQ(error_of("$TIMESTAMP 2024:11:19:06:00:00 2024:11:19:08\n192.0.2.1\n", Format::kIp4Set),
            "read");
  EXPECT_THAT(
      error_of("$TIMESTAMP 2024:11:19:06:00:00 2024:11:19:07\n192.0.2.1\n", Format::kIp4Set),
      HasSubstr("held until"));
  EXPECT_EQ(error_of("$TIMESTAMP 2024:11:19:06 +2h\n192.0.2.1\n", Format::kIp4Set), "read");
  EXPECT_THAT(error_of("$TIMESTAMP 2024:11:19:06 +1h\n192.0.2.1\n", Format::kIp4Set),
              HasSubstr("held until"));
  EXPECT_EQ(error_of("$TIMESTAMP 2024:11:19:06 -\n192.0.2.1\n", Format::kIp4Set), "read");
}

TEST(Rbldnsd, Ip6trieIsRead) {
  EXPECT_THAT(texts(read("2001:db8::/32 :2:test\n!2001:db8::1\n", Format::kIp6Trie)),
              ElementsAre("2001:db8::/32 test", "!2001:db8::1"));
}

// Against counting: every address of the range is covered once, none beside it, and no two
// neighbours could be one.
TEST(Ranges, AreTheFewestPrefixesThatCoverThem) {
  std::mt19937 random(3);
  const auto address = [](uint32_t n) {
    const uint8_t bytes[4] = {static_cast<uint8_t>(n >> 24), static_cast<uint8_t>(n >> 16),
                              static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)};
    return IpAddress::from_v4(bytes);
  };
  for (int round = 0; round < 300; ++round) {
    const uint32_t base = round % 3 == 0 ? 0 : round % 3 == 1 ? UINT32_MAX - 999 : 0x0a0000f0;
    uint32_t first = base + random() % 1000, last = base + random() % 1000;
    if (last < first) std::swap(first, last);
    const auto prefixes = prefixes_of_range(address(first), address(last));
    uint64_t covered = 0;
    for (const IpPrefix& prefix : prefixes) {
      covered += uint64_t{1} << (32 - prefix.length);
      EXPECT_GE(prefix.address, address(first));
      EXPECT_LE(prefix.address, address(last));
    }
    ASSERT_EQ(covered, uint64_t{last} - first + 1);
    for (size_t i = 1; i < prefixes.size(); ++i) {
      ASSERT_LT(prefixes[i - 1].address, prefixes[i].address);
      const bool siblings = prefixes[i - 1].length == prefixes[i].length &&
                            IpPrefix::containing(prefixes[i - 1].address, prefixes[i].length - 1) ==
                                IpPrefix::containing(prefixes[i].address, prefixes[i].length - 1);
      ASSERT_FALSE(siblings);
    }
  }
  EXPECT_THAT(prefixes_of_range(address(0), address(UINT32_MAX)),
              ElementsAre(*IpPrefix::parse("0.0.0.0/0")));
}

}  // namespace
}  // namespace postern::feeds
