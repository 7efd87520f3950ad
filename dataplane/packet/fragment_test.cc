#include "dataplane/packet/fragment.h"

#include <gtest/gtest.h>

#include "dataplane/packet/testing/builder.h"

namespace postern::packet {
namespace {

using testing::Packet;
using Bytes = std::vector<uint8_t>;
using enum Ownership::Owner;

// Makes an IPv4 frame a fragment with these flags and offset field.
Bytes ipv4(uint16_t field, const Packet& packet = {.payload = std::string(100, 'x')}) {
  Bytes bytes = packet.bytes();
  const size_t at = 20 + 4 * packet.vlans.size();
  bytes[at] = static_cast<uint8_t>(field >> 8);
  bytes[at + 1] = static_cast<uint8_t>(field);
  return bytes;
}

// Puts headers between the fixed IPv6 header and what follows; `next` names the first of them.
Bytes ipv6(uint8_t next, const Bytes& headers) {
  Bytes bytes = Packet{.from = "[2001:db8::7]:40000",
                       .to = "[2001:db8::25]:25",
                       .payload = std::string(100, 'x')}
                    .bytes();
  bytes.insert(bytes.begin() + 54, headers.begin(), headers.end());
  bytes[20] = next;
  bytes[19] = static_cast<uint8_t>(bytes[19] + headers.size());
  return bytes;
}

bool is_fragment(const Bytes& bytes) {
  const bool read = parse_fragment(bytes).has_value();
  EXPECT_TRUE(may_be_fragment(bytes) || !read);
  return read;
}

TEST(Fragment, ReadsAnIpv4Fragment) {
  const auto fragment = parse_fragment(ipv4(0x2000));
  ASSERT_TRUE(fragment.has_value());
  EXPECT_TRUE(fragment->first());
  EXPECT_TRUE(fragment->more);
  EXPECT_EQ(fragment->id, 0x1234u);
  EXPECT_EQ(fragment->data_offset, 34);
  EXPECT_EQ(fragment->data_length, 120);
  const auto last = parse_fragment(ipv4(3));
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->place, 24);
  EXPECT_FALSE(last->more);
  EXPECT_EQ(parse_fragment(ipv4(3, {.payload = "abc", .vlans = {7, 9}}))->vlan, 7u << 16 | 9u);
}

TEST(Fragment, WholePacketsAndOtherProtocolsAreNone) {
  EXPECT_FALSE(may_be_fragment(Packet{}.bytes()));
  EXPECT_FALSE(may_be_fragment(ipv4(0x4000)));  // don't fragment
  auto udp = ipv4(0x2000);
  udp[23] = 17;
  EXPECT_FALSE(may_be_fragment(udp));
  EXPECT_FALSE(is_fragment(udp));
  EXPECT_FALSE(is_fragment(ipv6(60, {6, 0, 1, 4, 0, 0, 0, 0})));
  // A fragment header of a whole packet (RFC 6946).
  EXPECT_FALSE(is_fragment(ipv6(44, {6, 0, 0, 0, 0, 0, 0, 1})));
  EXPECT_FALSE(is_fragment(ipv6(44, {17, 0, 0, 1, 0, 0, 0, 1})));  // fragments of UDP
  EXPECT_FALSE(is_fragment(ipv6(44, {17, 0, 0, 8, 0, 0, 0, 1})));
}

TEST(Fragment, ReadsAnIpv6FragmentAndWhatStandsBeforeIt) {
  const Bytes header{6, 0, 0, 9, 0xde, 0xad, 0xbe, 0xef};  // offset 8, more
  const auto plain = parse_fragment(ipv6(44, header));
  ASSERT_TRUE(plain.has_value());
  EXPECT_TRUE(plain->plain);
  EXPECT_EQ(plain->place, 8);
  EXPECT_TRUE(plain->more);
  EXPECT_EQ(plain->id, 0xdeadbeefu);
  EXPECT_EQ(plain->data_offset, 62);
  EXPECT_EQ(plain->data_length, 120);
  Bytes behind_options{44, 0, 1, 4, 0, 0, 0, 0};
  behind_options.insert(behind_options.end(), header.begin(), header.end());
  EXPECT_FALSE(parse_fragment(ipv6(0, behind_options))->plain);
  // A whole packet's fragment header in front of a real one.
  Bytes nested{44, 0, 0, 0, 0, 0, 0, 1};
  nested.insert(nested.end(), header.begin(), header.end());
  EXPECT_FALSE(parse_fragment(ipv6(44, nested))->plain);
}

Ownership ownership_of(const Bytes& bytes) {
  const auto fragment = parse_fragment(bytes);
  EXPECT_TRUE(fragment.has_value());
  return read_ownership(bytes, *fragment);
}

TEST(Ownership, AFirstFragmentsPortsSayIt) {
  const auto owner = ownership_of(ipv4(0x2000));
  EXPECT_EQ(owner.owner, kTcp);
  EXPECT_EQ(owner.source_port, 40000);
  EXPECT_EQ(owner.destination_port, 25);
  EXPECT_EQ(owner.ports_end, 4u);
}

TEST(Ownership, PortsBehindIpv6ExtensionHeaders) {
  const auto owner = ownership_of(
      ipv6(44, {60, 0, 0, 1, 0, 0, 0, 1, 6, 0, 1, 4, 0, 0, 0, 0}));  // destination options
  EXPECT_EQ(owner.owner, kTcp);
  EXPECT_EQ(owner.destination_port, 25);
  EXPECT_EQ(owner.ports_end, 12u);
  EXPECT_EQ(ownership_of(ipv6(44, {60, 0, 0, 1, 0, 0, 0, 1, 17, 0, 1, 4, 0, 0, 0, 0})).owner,
            kOther);
}

TEST(Ownership, AChainThatDoesNotEndInTheFragmentCouldHideMail) {
  Bytes only_options = ipv6(44, {60, 0, 0, 1, 0, 0, 0, 1, 6, 0, 1, 4, 0, 0, 0, 0});
  only_options[19] = 16;  // nothing behind the options
  EXPECT_EQ(ownership_of(only_options).owner, kHidden);
  Bytes longer = ipv6(44, {60, 0, 0, 1, 0, 0, 0, 1, 6, 200, 1, 4, 0, 0, 0, 0});
  EXPECT_EQ(ownership_of(longer).owner, kHidden);
  EXPECT_EQ(ownership_of(ipv6(44, {44, 0, 0, 1, 0, 0, 0, 1, 6, 0, 0, 1, 0, 0, 0, 2})).owner,
            kHidden);
  Bytes empty = ipv4(0x2000);
  empty[16] = 0;
  empty[17] = 20;
  EXPECT_EQ(ownership_of(empty).owner, kHidden);
}

TEST(Fragment, EveryTruncationStaysInsideTheFrame) {
  for (const Bytes& whole :
       {ipv4(0x2000, {.payload = "abc", .vlans = {5}}),
        ipv6(0, {44, 0, 1, 4, 0, 0, 0, 0, 60, 0, 0, 1, 0, 0, 0, 1, 6, 0, 1, 4, 0, 0, 0, 0})})
    for (size_t n = 0; n <= whole.size(); ++n) {
      const Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(n));
      const auto fragment = parse_fragment(cut);
      EXPECT_TRUE(may_be_fragment(cut) || !fragment);
      if (fragment) {
        EXPECT_LE(uint32_t{fragment->data_offset} + fragment->data_length, n);
        read_ownership(cut, *fragment);
      }
    }
}

}  // namespace
}  // namespace postern::packet
