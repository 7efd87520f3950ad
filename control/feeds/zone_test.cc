#include "control/feeds/zone.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::feeds {
namespace {

using testing::HasSubstr;

Entry entry(std::string_view prefix, bool excluded = false) {
  return {*IpPrefix::parse(prefix), excluded, ""};
}

// The layout is that of the example in rbldnsd(8).
TEST(Zone, IsWrittenAsRbldnsdReadsIt) {
  const Zone zone{.format = Format::kIp4Set,
                  .servers = {"ns1.example.com", "ns2.example.com"},
                  .contact = "admin.example.com",
                  .text = "Outbound spam, see https://example.com/?$",
                  .published_unix_s = 1'700'000'000};
  EXPECT_EQ(*write_zone(zone, {entry("192.0.2.64/26"), entry("192.0.2.70", true),
                               entry("192.0.2.10"), entry("2001:db8::/32")}),
            "# Written by Postern, 2023-11-14T22:13:20Z: do not edit.\n"
            "$SOA 300 ns1.example.com admin.example.com 1700000000 2h 2h 1w 1h\n"
            "$NS 300 ns1.example.com ns2.example.com\n"
            "$TTL 300\n"
            ":127.0.0.2:Outbound spam, see https://example.com/?$\n"
            "192.0.2.10\n"
            "192.0.2.64/26\n"
            "!192.0.2.70\n");
}

TEST(Zone, IsReadBackAsItWas) {
  const std::vector<Entry> entries{entry("2001:db8::/32"), entry("2001:db8:1::/48", true)};
  const auto text = write_zone({.format = Format::kIp6Trie}, entries);
  const auto feed = read_feed(*text, Format::kIp6Trie, 1'700'000'000);
  ASSERT_TRUE(feed) << feed.error();
  ASSERT_EQ(feed->entries.size(), 2u);
  EXPECT_EQ(feed->entries[0].prefix, entries[0].prefix);
  EXPECT_EQ(feed->entries[1].prefix, entries[1].prefix);
  EXPECT_TRUE(feed->entries[1].excluded);
}

TEST(Zone, HoldsNoNamesOrTextsThatBreakIt) {
  EXPECT_THAT(write_zone({.text = "a\n192.0.2.0/24"}, {}).error(), HasSubstr("one line"));
  EXPECT_THAT(write_zone({.servers = {"ns1 ns2"}, .contact = "a.b"}, {}).error(),
              HasSubstr("'ns1 ns2' is no host's name"));
  EXPECT_THAT(write_zone({.servers = {"ns1"}}, {}).error(), HasSubstr("contact"));
  EXPECT_THAT(write_zone({.value = "192.0.2.1"}, {}).error(), HasSubstr("127.0.0.0/8"));
  EXPECT_FALSE(write_zone({.format = Format::kDropText}, {}));
}

}  // namespace
}  // namespace postern::feeds
