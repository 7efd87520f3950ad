#include "dataplane/ports/reassembly.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/testing/builder.h"
#include "dataplane/packet/testing/fragments.h"
#include "dataplane/ports/testing/eal_environment.h"

namespace postern::ports {
namespace {

using packet::Side;
using packet::testing::Bytes;
using packet::testing::fragment;
using packet::testing::fragmentable;
using packet::testing::Packet;
using packet::testing::Seen;
using packet::testing::Slice;
using Frames = std::vector<Bytes>;

const auto* const kEal = ::testing::AddGlobalTestEnvironment(new testing::EalEnvironment);

std::string letters(size_t n) {
  std::string text(n, ' ');
  for (size_t i = 0; i < n; ++i) text[i] = static_cast<char>('a' + i % 26);
  return text;
}

// 20 octets of TCP header and 76 of payload: 96, or 12 units of 8.
Packet mail(uint16_t client_port = 40000) {
  return {.from = "192.0.2.7:" + std::to_string(client_port),
          .seq = 1000,
          .ack = 5000,
          .flags = packet::kAck | packet::kPsh,
          .payload = letters(76)};
}
Packet mail_v6() {
  Packet packet = mail();
  packet.from = "[2001:db8::7]:40000";
  packet.to = "[2001:db8::25]:25";
  return packet;
}
Packet web() {
  Packet packet = mail();
  packet.to = "198.51.100.1:80";
  return packet;
}

class Reassembling : public ::testing::Test {
 protected:
  static constexpr uint32_t kFrames = 1023;

  Reassembling() : source_(*MbufFrameSource::create("reassembly_frames", kFrames, 1522)) {
    make({});
  }
  ~Reassembling() override {
    reassembly_.reset();
    EXPECT_EQ(source_->frames_free(), kFrames);
    // Every frame that came in went out, was joined, or has one counted reason.
    uint64_t dropped = 0;
    for (size_t i = 0; i < std::size(kCounterTable); ++i)
      if (kCounterTable[i].name.starts_with("drop_")) dropped += count(static_cast<Counter>(i));
    EXPECT_EQ(came_ - passed_, dropped + count(Counter::kFragmentsJoined));
    EXPECT_EQ(count(Counter::kFramesIn), dropped);
  }
  void make(const ReassemblyConfig& config) {
    reassembly_ = *Reassembly::create(config, source_.get(), &counters_);
  }
  rte_mbuf* mbuf_of(const Bytes& bytes) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(source_->pool());
    std::ranges::copy(bytes, reinterpret_cast<uint8_t*>(
                                 rte_pktmbuf_append(mbuf, static_cast<uint16_t>(bytes.size()))));
    return mbuf;
  }
  // What goes on when these frames arrive, in one burst.
  Frames in(const Frames& arriving, Side side = Side::kInside) {
    std::vector<rte_mbuf*> burst;
    for (const Bytes& bytes : arriving) burst.push_back(mbuf_of(bytes));
    came_ += burst.size();
    Frames out;
    for (rte_mbuf* mbuf : reassembly_->reassemble(burst, side, now_)) {
      EXPECT_EQ(mbuf->nb_segs, 1);
      EXPECT_EQ(mbuf->pkt_len, mbuf->data_len);
      const auto* data = rte_pktmbuf_mtod(mbuf, const uint8_t*);
      out.emplace_back(data, data + mbuf->data_len);
      passed_ += (mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != RTE_MBUF_F_RX_L4_CKSUM_GOOD;
      rte_pktmbuf_free(mbuf);
    }
    return out;
  }
  void wait(uint64_t seconds) {
    for (uint64_t i = 0; i < seconds * 10; ++i) {
      now_.monotonic_us += 100'000;
      EXPECT_EQ(in({}), Frames{});
    }
  }
  uint64_t count(Counter counter) const { return counters_.get(counter); }
  uint64_t held() const { return kFrames - source_->frames_free(); }

  std::unique_ptr<MbufFrameSource> source_;
  uint64_t came_ = 0, passed_ = 0;  // frames; those of the second that we made do not count
  Counters counters_;
  std::unique_ptr<Reassembly> reassembly_;
  Now now_{.monotonic_us = 1'000'000, .wall_us = 0};
};

TEST_F(Reassembling, WhatIsNoFragmentIsTheSameBurst) {
  Frames frames{mail().bytes(), mail_v6().bytes(), web().bytes(), Bytes(60, 0xff), Bytes(14, 0)};
  std::vector<rte_mbuf*> burst;
  for (const Bytes& bytes : frames) burst.push_back(mbuf_of(bytes));
  const auto out = reassembly_->reassemble(burst, Side::kInside, now_);
  EXPECT_EQ(out.data(), burst.data());
  EXPECT_EQ(out.size(), burst.size());
  rte_pktmbuf_free_bulk(burst.data(), static_cast<unsigned>(burst.size()));
}

TEST_F(Reassembling, MailComesOutWholeInWhateverOrderItsFragmentsCome) {
  for (Packet packet : {mail(), mail_v6()})
    for (const auto& vlans : {std::vector<uint16_t>{}, {7}, {7, 9}}) {
      packet.vlans = vlans;
      const Bytes whole = fragmentable(packet.bytes());
      Frames parts = packet::testing::fragments(whole, 0x1234, 32);
      ASSERT_EQ(parts.size(), 3u);
      std::ranges::sort(parts);
      do {
        EXPECT_EQ(in(parts), Frames{whole});
      } while (std::ranges::next_permutation(parts).found);
    }
  EXPECT_EQ(count(Counter::kFragmentsJoined), 2u * 3 * 6 * 3);
}

TEST_F(Reassembling, FragmentsArePaddedOnTheWireAndMayComeInManyBursts) {
  const Bytes whole = fragmentable(mail().bytes());
  Bytes first = fragment(whole, 0x1234, {0, 16, true}),
        last = fragment(whole, 0x1234, {16, 80, false});
  first.resize(60, 0xee);
  EXPECT_EQ(in({last}), Frames{});
  EXPECT_EQ(held(), 1u);
  EXPECT_EQ(in({first}), Frames{whole});
}

TEST_F(Reassembling, DatagramsThatAreMingledAreToldApart) {
  Frames arriving, expected;
  std::vector<Frames> parts;
  for (uint16_t i = 0; i < 6; ++i) {
    const Bytes whole = fragmentable(mail(static_cast<uint16_t>(40000 + i)).bytes());
    parts.push_back(packet::testing::fragments(whole, 100 + i % 3, 40));
    Bytes with_id = whole;
    packet::store_be16(&with_id[18], static_cast<uint16_t>(100 + i % 3));
    expected.push_back(fragmentable(with_id));
  }
  // Three identifications from each side.
  for (size_t part = 0; part < 3; ++part)
    for (size_t side = 0; side < 2; ++side) {
      Frames burst;
      for (size_t i = 0; i < 3; ++i) burst.push_back(parts[side * 3 + i][part]);
      const Frames out = in(burst, static_cast<Side>(side));
      if (part == 2)
        EXPECT_EQ(out, Frames(expected.begin() + static_cast<ptrdiff_t>(side) * 3,
                              expected.begin() + static_cast<ptrdiff_t>(side) * 3 + 3));
      else
        EXPECT_TRUE(out.empty());
    }
}

TEST_F(Reassembling, VlansAndAddressesTellDatagramsApart) {
  make({.datagrams = 16});  // one set for all
  Packet other = mail();
  other.vlans = {7};
  const Bytes whole = fragmentable(mail().bytes()), tagged = fragmentable(other.bytes());
  EXPECT_EQ(in({fragment(whole, 0x1234, {0, 48, true}), fragment(tagged, 0x1234, {48, 48, false})}),
            Frames{});
  EXPECT_EQ(in({fragment(tagged, 0x1234, {0, 48, true})}), Frames{tagged});
  EXPECT_EQ(in({fragment(whole, 0x1234, {48, 48, false})}), Frames{whole});
}

TEST_F(Reassembling, WhatIsNotMailPassesAsItCameAndInOrder) {
  Packet v6 = mail_v6();
  v6.to = "[2001:db8::25]:80";
  for (const Packet& packet : {web(), v6}) {
    Frames parts = packet::testing::fragments(fragmentable(packet.bytes()), 9, 8);
    ASSERT_EQ(parts.size(), 12u);
    parts[0].resize(80, 0xee);  // padded
    parts.insert(parts.begin() + 5, mail().bytes());
    EXPECT_EQ(in(parts), parts);
  }
  // UDP is not even looked at.
  Frames udp = packet::testing::fragments(fragmentable(web().bytes()), 10, 32);
  for (Bytes& bytes : udp) bytes[23] = 17;
  EXPECT_EQ(in({udp[2], udp[1], udp[0]}), (Frames{udp[2], udp[1], udp[0]}));
}

TEST_F(Reassembling, LaterFragmentsWaitForTheFirstAndGoBeforeItAsTheyCame) {
  Frames parts = packet::testing::fragments(fragmentable(web().bytes()), 9, 16);
  parts[3][60] ^= 1;  // whatever is wrong with them is not ours to judge
  EXPECT_EQ(in({parts[3], parts[1], parts[1], parts[5]}), Frames{});
  EXPECT_EQ(in({mail().bytes(), parts[0], parts[2]}),
            (Frames{mail().bytes(), parts[3], parts[1], parts[1], parts[5], parts[0], parts[2]}));
}

TEST_F(Reassembling, RepeatedFragmentsAreLeftOut) {
  const Bytes whole = fragmentable(mail().bytes());
  const Frames parts = packet::testing::fragments(whole, 0x1234, 32);
  EXPECT_EQ(in({parts[1], parts[1], parts[0], parts[0], parts[1], parts[2]}), Frames{whole});
  EXPECT_EQ(count(Counter::kDropFragmentDuplicate), 3u);
  EXPECT_EQ(count(Counter::kFragmentsJoined), 3u);
}

// The overlapping fragment has the same octets as the datagram or others, comes before or after; it
// never makes a segment.
TEST_F(Reassembling, FragmentsThatOverlapAreNeverJoined) {
  struct Case {
    Slice one, other;
    const char* arrangement;
  };
  const Slice begin{0, 32, true}, end{64, 32, false};
  const Case cases[] = {
      {{32, 32, true}, {40, 16, true}, "inside"},
      {{32, 32, true}, {32, 16, true}, "inside, at its front"},
      {{32, 32, true}, {48, 16, true}, "inside, at its end"},
      {{32, 32, true}, {24, 16, true}, "over its front"},
      {{32, 32, true}, {56, 16, true}, "over its end"},
      {{32, 32, true}, {24, 48, true}, "around"},
      {{32, 32, true}, {8, 88, false}, "around, to the end"},
      {{32, 32, true}, {0, 96, true}, "around all"},
      {{32, 32, true}, {0, 40, true}, "another first"},
      {{32, 32, true}, {0, 24, true}, "a shorter first"},
      {{32, 32, true}, {64, 40, false}, "a longer last"},
      {{32, 32, true}, {64, 24, false}, "a shorter last"},
      {{32, 32, true}, {32, 40, false}, "an earlier last"},
      {{32, 32, true}, {96, 8, true}, "past the end"},
      {{32, 32, true}, {96, 8, false}, "a second last"},
      {{32, 32, true}, {64, 32, true}, "the last, and yet more"},
  };
  uint32_t id = 1;
  for (const Packet& packet : {mail(), mail_v6()})
    for (const bool differs : {false, true})
      for (const Case& c : cases) {
        const Bytes whole = fragmentable(packet.bytes());
        Bytes changed = whole;
        if (differs)
          for (size_t i = changed.size() - 96 + 4; i < changed.size(); ++i) changed[i] ^= 0x20;
        // In every order of the four.
        std::array<int, 4> order{0, 1, 2, 3};
        do {
          ++id;
          const Frames four{fragment(whole, id, begin), fragment(whole, id, c.one),
                            fragment(whole, id, end), fragment(changed, id, c.other)};
          Frames arriving;
          for (const int i : order) arriving.push_back(four[static_cast<size_t>(i)]);
          // The three others may be complete before the fourth comes.
          Frames expected;
          if (order[3] == 3) {
            Bytes joined = whole;
            if (whole.size() == 14 + 20 + 96) {
              packet::store_be16(&joined[18], static_cast<uint16_t>(id));
              joined = fragmentable(joined);
            }
            expected.push_back(joined);
          }
          EXPECT_EQ(in(arriving), expected)
              << c.arrangement << (differs ? ", different, order " : ", order ") << order[0]
              << order[1] << order[2] << order[3];
        } while (std::ranges::next_permutation(order).found);
      }
  wait(46);
  EXPECT_EQ(held(), 0u);
}

TEST_F(Reassembling, WhatLiesPastTheEndDoesNotMakeUpForAGap) {
  for (const bool last_first : {false, true}) {
    const Bytes whole = fragmentable(mail().bytes());
    Frames parts{fragment(whole, 1 + last_first, {64, 32, false}),
                 fragment(whole, 1 + last_first, {96, 32, true})};
    if (last_first) std::swap(parts[0], parts[1]);
    EXPECT_EQ(in({fragment(whole, 1 + last_first, {0, 32, true}), parts[0], parts[1]}), Frames{});
  }
  EXPECT_EQ(count(Counter::kDropFragmentOverlap), 6u);
}

TEST_F(Reassembling, WhatComesOfACondemnedDatagramIsDroppedUntilItsTimeIsOver) {
  const Bytes whole = fragmentable(mail().bytes());
  const Frames parts = packet::testing::fragments(whole, 0x1234, 32);
  EXPECT_EQ(in({parts[0], fragment(whole, 0x1234, {24, 16, true})}), Frames{});
  EXPECT_EQ(count(Counter::kDropFragmentOverlap), 2u);
  EXPECT_EQ(held(), 0u);
  EXPECT_EQ(in(parts), Frames{});
  EXPECT_EQ(count(Counter::kDropFragmentOverlap), 5u);
  wait(30);
  EXPECT_EQ(in(parts), Frames{whole});
}

TEST_F(Reassembling, ASecondFirstFragmentIsNoWayAround) {
  const Bytes as_mail = fragmentable(mail().bytes()), as_web = fragmentable(web().bytes());
  const auto first = [](const Bytes& whole, uint32_t id) {
    return fragment(whole, id, {0, 48, true});
  };
  const auto last = [](const Bytes& whole, uint32_t id) {
    return fragment(whole, id, {48, 48, false});
  };
  // Mail first: the other is dropped with it.
  EXPECT_EQ(in({first(as_mail, 1), first(as_web, 1), last(as_mail, 1)}), Frames{});
  EXPECT_EQ(count(Counter::kDropFragmentOverlap), 3u);
  // Mail second: the web's goes on, mail is kept, and joined with what comes after it only.
  EXPECT_EQ(in({first(as_web, 2), first(as_mail, 2)}), Frames{first(as_web, 2)});
  EXPECT_EQ(held(), 1u);
  Bytes joined = as_mail;
  packet::store_be16(&joined[18], 2);
  EXPECT_EQ(in({last(as_mail, 2)}), Frames{fragmentable(joined)});
  // Mail second, after all of the other: nothing raw follows.
  EXPECT_EQ(in({first(as_web, 3), last(as_web, 3), first(as_mail, 3)}),
            (Frames{first(as_web, 3), last(as_web, 3)}));
  // Another mail port is another first fragment.
  make({.mail_ports = {25, 587}});
  Packet submission = mail();
  submission.to = "198.51.100.1:587";
  EXPECT_EQ(in({first(as_mail, 4), first(fragmentable(submission.bytes()), 4), last(as_mail, 4)}),
            Frames{});
}

TEST_F(Reassembling, LengthsThatNoDatagramHasAreDropped) {
  const Bytes whole = fragmentable(mail().bytes());
  // A first fragment with less than the 8 octets that there must be.
  EXPECT_EQ(in({fragment(whole, 1, {0, 4, true}), fragment(whole, 2, {0, 20, true})}), Frames{});
  EXPECT_EQ(count(Counter::kDropFragmentMalformed), 2u);
  // Nothing in it, an odd length, past 65,535 octets.
  EXPECT_EQ(in({fragment(whole, 3, {0, 48, true}), fragment(whole, 3, {48, 0, true}),
                fragment(whole, 3, {48, 15, true}), fragment(whole, 3, {65528, 8, false})}),
            Frames{});
  EXPECT_EQ(count(Counter::kDropFragmentMalformed), 5u);
  // They did no harm.
  EXPECT_EQ(in({fragment(whole, 3, {48, 48, false})}).size(), 1u);
  // Not even ports.
  EXPECT_EQ(in({fragment(whole, 4, {0, 3, true}), fragment(whole, 5, {0, 0, true})}), Frames{});
  EXPECT_EQ(count(Counter::kDropFragmentHidden), 2u);
}

// An IPv6 fragment whose data begins with a destination options header, as its header says.
Bytes behind_options(Bytes fragment, size_t octets) {
  fragment[14 + 40] = 60;
  Bytes options(octets, 0);
  options[0] = 6;
  options[1] = static_cast<uint8_t>(octets / 8 - 1);
  options[2] = 1;
  options[3] = static_cast<uint8_t>(octets - 4);
  fragment.insert(fragment.begin() + 62, options.begin(), options.end());
  packet::store_be16(&fragment[14 + 4],
                     static_cast<uint16_t>(packet::load_be16(&fragment[14 + 4]) + octets));
  return fragment;
}

TEST_F(Reassembling, AnIpv6HeaderChainMustEndInTheFirstFragment) {
  const Bytes whole = fragmentable(mail_v6().bytes());
  // Options of 16 octets and not one of the ports; then with 8 octets of the TCP header.
  EXPECT_EQ(in({behind_options(fragment(whole, 1, {0, 0, true}), 16)}), Frames{});
  EXPECT_EQ(count(Counter::kDropFragmentHidden), 1u);
  Frames two{behind_options(fragment(whole, 2, {0, 8, true}), 16),
             fragment(whole, 2, {8, 88, false})};
  packet::store_be16(&two[1][14 + 42], 24);  // more by the options
  two[1][14 + 40] = 60;
  const Frames out = in(two);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].size(), whole.size() + 16);
  EXPECT_TRUE(std::equal(whole.begin() + 54, whole.end(), out[0].begin() + 54 + 16));
  EXPECT_EQ(out[0][14 + 6], 60);
  EXPECT_EQ(packet::load_be16(&out[0][14 + 4]), 96 + 16);
}

TEST_F(Reassembling, AnIpv6FragmentMayNotRewriteThePortsOfWhatPasses) {
  Packet packet = mail_v6();
  packet.to = "[2001:db8::25]:80";
  const Bytes whole = fragmentable(packet.bytes());
  const Bytes first = behind_options(fragment(whole, 1, {0, 8, true}), 16);
  const Bytes over_ports = fragment(whole, 1, {16, 8, true});
  EXPECT_EQ(in({first, over_ports}), Frames{first});
  EXPECT_EQ(count(Counter::kDropFragmentOverlap), 1u);
  Bytes again = first, before = over_ports;
  again[14 + 47] = before[14 + 47] = 2;  // another identification
  EXPECT_EQ(in({before, again}), Frames{});
  EXPECT_EQ(count(Counter::kDropFragmentOverlap), 3u);
}

TEST_F(Reassembling, MailBehindIpv6HeadersThatCannotBeJoinedIsDropped) {
  const Bytes whole = fragmentable(mail_v6().bytes());
  Bytes first = fragment(whole, 1, {0, 48, true});
  // Hop-by-hop options before the fragment header (RFC 8200 4.3).
  const Bytes hop{44, 0, 1, 4, 0, 0, 0, 0};
  first[14 + 6] = 0;
  first.insert(first.begin() + 54, hop.begin(), hop.end());
  packet::store_be16(&first[14 + 4], 64);
  EXPECT_EQ(in({first, fragment(whole, 1, {48, 48, false})}), Frames{});
  EXPECT_EQ(count(Counter::kDropFragmentHidden), 2u);
  // A fragment of a fragment.
  Bytes nested = fragment(whole, 2, {0, 48, true});
  nested[14 + 40] = 44;
  EXPECT_EQ(in({nested}), Frames{});
  EXPECT_EQ(count(Counter::kDropFragmentHidden), 3u);
}

TEST_F(Reassembling, AFragmentWithAWrongHeaderChecksumIsDroppedAlone) {
  const Bytes whole = fragmentable(mail().bytes());
  const Frames parts = packet::testing::fragments(whole, 0x1234, 48);
  Bytes damaged = parts[1];
  damaged[8 + 14] ^= 1;  // the time to live
  EXPECT_EQ(in({parts[0], damaged}), Frames{});
  EXPECT_EQ(count(Counter::kDropChecksum), 1u);
  EXPECT_EQ(in({parts[1]}), Frames{whole});
}

TEST_F(Reassembling, AWrongTcpChecksumDropsTheSegmentWhereChecksumsCount) {
  Packet packet = mail();
  packet.bad_tcp_checksum = true;
  const Frames parts = packet::testing::fragments(fragmentable(packet.bytes()), 0x1234, 48);
  EXPECT_EQ(in(parts), Frames{});
  EXPECT_EQ(count(Counter::kDropChecksum), 2u);
  EXPECT_EQ(count(Counter::kFragmentsJoined), 0u);
  EXPECT_EQ(held(), 0u);
  make({.verify_checksums = false});
  // They may never have been filled in: now they are.
  EXPECT_EQ(in(parts), Frames{fragmentable(mail().bytes())});
}

TEST_F(Reassembling, ASegmentWhoseHeaderContradictsItsLengthIsDropped) {
  Bytes whole = fragmentable(mail().bytes());
  whole[34 + 12] = 0x40;
  EXPECT_EQ(in(packet::testing::fragments(whole, 1, 48)), Frames{});
  EXPECT_EQ(count(Counter::kDropMalformed), 2u);
}

TEST_F(Reassembling, MoreFragmentsThanCanBeJoinedAreDropped) {
  const Bytes whole = fragmentable(mail().bytes());
  const Frames nine = packet::testing::fragments(whole, 1, 8);  // twelve
  EXPECT_EQ(in({nine.begin(), nine.begin() + 9}), Frames{});
  EXPECT_EQ(count(Counter::kDropFragmentMany), 9u);
  EXPECT_EQ(in({nine.begin() + 9, nine.end()}), Frames{});
  EXPECT_EQ(count(Counter::kDropFragmentMany), 12u);
  // Nine that arrive before their first.
  const Frames later = packet::testing::fragments(whole, 2, 8);
  EXPECT_EQ(in({later.rbegin(), later.rbegin() + 9}), Frames{});
  EXPECT_EQ(count(Counter::kDropFragmentMany), 21u);
  EXPECT_EQ(held(), 0u);
  // Eight are the most.
  const Bytes shorter = fragmentable(Packet{.payload = letters(44)}.bytes());
  EXPECT_EQ(in(packet::testing::fragments(shorter, 0x1234, 8)), Frames{shorter});
}

TEST_F(Reassembling, WhatDoesNotBecomeCompleteIsDroppedAfterItsTime) {
  const Frames parts = packet::testing::fragments(fragmentable(mail().bytes()), 1, 32);
  in({parts[0], parts[1]});
  in({fragment(fragmentable(web().bytes()), 2, {32, 32, true})});  // whose first never comes
  wait(29);
  EXPECT_EQ(held(), 3u);
  // The last of them is too late by itself.
  now_.monotonic_us += 1'000'000;
  EXPECT_EQ(in({parts[2]}), Frames{});
  EXPECT_EQ(count(Counter::kDropFragmentTimeout), 3u);
  EXPECT_EQ(held(), 1u);
  wait(45);
  EXPECT_EQ(held(), 0u);
  EXPECT_EQ(count(Counter::kDropFragmentTimeout), 4u);
}

TEST_F(Reassembling, AFullTableForgetsWhatWaitedLongest) {
  make({.datagrams = 16});
  const Bytes whole = fragmentable(mail().bytes());
  const auto first = [&](uint32_t id) { return fragment(whole, id, {0, 48, true}); };
  const auto last = [&](uint32_t id) { return fragment(whole, id, {48, 48, false}); };
  for (uint32_t id = 1; id <= 16; ++id) {
    ++now_.monotonic_us;
    EXPECT_EQ(in({first(id)}), Frames{});
  }
  EXPECT_EQ(count(Counter::kDropFragmentTable), 0u);
  EXPECT_EQ(in({last(17)}), Frames{});
  EXPECT_EQ(count(Counter::kDropFragmentTable), 1u);
  EXPECT_EQ(held(), 16u);
  EXPECT_EQ(in({last(2)}).size(), 1u);
  EXPECT_EQ(in({last(1)}), Frames{});
}

TEST_F(Reassembling, AFullTableForgetsWhatIsDecidedFirst) {
  make({.datagrams = 16});
  const Bytes whole = fragmentable(mail().bytes());
  in({fragment(whole, 1, {0, 48, true})});
  for (uint32_t id = 2; id < 100; ++id) {
    ++now_.monotonic_us;
    const Bytes passing = fragment(fragmentable(web().bytes()), id, {0, 48, true});
    EXPECT_EQ(in({passing}), Frames{passing});
  }
  EXPECT_EQ(in({fragment(whole, 1, {48, 48, false})}).size(), 1u);
}

TEST_F(Reassembling, AFloodFromOneAddressLeavesOthersAlone) {
  make({.datagrams = 256});
  uint32_t lost = 0;
  for (uint32_t host = 0; host < 64; ++host) {
    Packet packet = mail();
    packet.from = "203.0.113." + std::to_string(host) + ":40000";
    const Bytes whole = fragmentable(packet.bytes());
    EXPECT_EQ(in({fragment(whole, 1, {0, 48, true})}), Frames{});
    const Bytes flood = fragmentable(mail().bytes());
    for (uint32_t id = 0; id < 300; ++id) in({fragment(flood, id, {8, 8, true})});
    lost += in({fragment(whole, 1, {48, 48, false})}).empty();
    reassembly_->clear();
  }
  // One set in 16 is the attacker's: of 64 hosts 4 share it on average, 20 once in 10^9 runs.
  EXPECT_LT(lost, 20u);
}

TEST_F(Reassembling, ASegmentLongerThanTheMtuIsCut) {
  const Packet packet{.seq = 1000,
                      .ack = 5000,
                      .flags = packet::kAck | packet::kPsh | packet::kFin,
                      .payload = letters(4000)};
  const Frames parts = packet::testing::fragments(fragmentable(packet.bytes()), 0x1234, 1480);
  ASSERT_EQ(parts.size(), 3u);
  const Frames out = in({parts[2], parts[0], parts[1]});
  ASSERT_EQ(out.size(), 3u);
  std::string payload;
  for (size_t i = 0; i < out.size(); ++i) {
    Bytes bytes = out[i];
    EXPECT_LE(bytes.size(), 1514u);
    const auto length = static_cast<uint32_t>(bytes.size());
    packet::Frame frame{.buffer = bytes.data(), .capacity = length, .length = length};
    const Seen seen = packet::testing::read(frame);
    EXPECT_TRUE(seen.checksums_right);
    EXPECT_EQ(seen.seq, 1000 + payload.size());
    EXPECT_EQ(seen.ack, 5000u);
    EXPECT_EQ(seen.flags, i + 1 < out.size() ? uint8_t{packet::kAck} : packet.flags);
    payload += seen.payload;
  }
  EXPECT_EQ(payload, packet.payload);
  EXPECT_EQ(count(Counter::kFragmentsJoined), 3u);
}

TEST_F(Reassembling, WithoutAFreeFrameTheDatagramIsLostAndCounted) {
  const Packet packet{.payload = letters(4000)};
  const Frames parts = packet::testing::fragments(fragmentable(packet.bytes()), 1, 1480);
  EXPECT_EQ(in({parts[0], parts[1]}), Frames{});
  rte_mbuf* last = mbuf_of(parts[2]);
  // The fragments themselves are given back before the segment is made: keep one of them.
  std::vector<rte_mbuf*> taken;
  while (rte_mbuf* mbuf = rte_pktmbuf_alloc(source_->pool())) taken.push_back(mbuf);
  rte_mbuf_refcnt_update(last, 1);
  ++came_;
  EXPECT_TRUE(reassembly_->reassemble({&last, 1}, Side::kInside, now_).empty());
  EXPECT_EQ(count(Counter::kDropNoBuffer), 3u);
  rte_pktmbuf_free(last);
  rte_pktmbuf_free_bulk(taken.data(), static_cast<unsigned>(taken.size()));
}

TEST_F(Reassembling, CongestionMetByOneFragmentIsTheSegments) {
  const auto mark = [](Bytes fragment, uint8_t codepoint, uint32_t id) {
    if (fragment[14] >> 4 == 6) {
      fragment[15] = static_cast<uint8_t>((fragment[15] & 0xcf) | codepoint << 4);
      packet::store_be32(&fragment[58], id);
      return fragment;
    }
    fragment[15] = codepoint;
    packet::store_be16(&fragment[18], static_cast<uint16_t>(id));
    packet::store_be16(&fragment[24], 0);
    packet::store_be16(&fragment[24],
                       static_cast<uint16_t>(~packet::internet_sum({&fragment[14], 20})));
    return fragment;
  };
  for (const Packet& packet : {mail(), mail_v6()}) {
    const Frames parts = packet::testing::fragments(fragmentable(packet.bytes()), 1, 48);
    const auto codepoint = [&](const Frames& out) {
      return out[0][14] >> 4 == 6 ? out[0][15] >> 4 & 3 : out[0][15] & 3;
    };
    // ECT(0) and CE make CE; ECT(0) and ECT(0) stay (RFC 3168 5.3).
    EXPECT_EQ(codepoint(in({mark(parts[0], 2, 1), mark(parts[1], 3, 1)})), 3);
    EXPECT_EQ(codepoint(in({mark(parts[0], 2, 2), mark(parts[1], 2, 2)})), 2);
    // Not-ECT and CE are not to be joined.
    EXPECT_TRUE(in({mark(parts[0], 0, 3), mark(parts[1], 3, 3)}).empty());
  }
  EXPECT_EQ(count(Counter::kDropFragmentMalformed), 4u);
}

TEST_F(Reassembling, FragmentsThatCameInSeveralBuffersAreReadToo) {
  const Bytes whole = fragmentable(mail().bytes());
  rte_mbuf* head = mbuf_of(fragment(whole, 0x1234, {0, 48, true}));
  Bytes last = fragment(whole, 0x1234, {48, 48, false});
  const Bytes tail(last.begin() + 60, last.end());
  last.resize(60);
  rte_mbuf* split = mbuf_of(last);
  ASSERT_EQ(rte_pktmbuf_chain(split, mbuf_of(tail)), 0);
  std::array burst{head, split};
  came_ += 2;
  const auto out = reassembly_->reassemble(burst, Side::kInside, now_);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0]->data_len, whole.size());
  rte_pktmbuf_free(out[0]);
}

}  // namespace
}  // namespace postern::ports
