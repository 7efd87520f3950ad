// The readers' side: see the theory of operation in verdict_table.h.
#include <algorithm>
#include <bit>

#include "dataplane/verdict/verdict_table_record.h"

namespace postern::verdict {
namespace {

constexpr size_t kBurst = 32;
// Lengths asked for one address before anything is read. More than one address hides the wait of
// another, so that fewer lengths are asked in vain.
constexpr unsigned kProbesAlone = 8;
constexpr unsigned kProbesInBurst = 4;
constexpr unsigned kSenders = (1u << kSenderSwitches) - 1;

}  // namespace

// One address on its way from the longest prefix to the shortest.
struct VerdictTable::Walk {
  uint64_t high, low;
  std::array<uint64_t, 3> lengths;  // not probed yet
  bool v4;
  unsigned open;  // switches of which nothing was found yet: bit n for switch n
  std::array<const Record*, kSwitches> found;
};

void VerdictTable::begin(Walk& walk, const IpAddress& address, unsigned switches) const {
  walk.high = big_endian_word(address.bytes().data());
  walk.low = big_endian_word(address.bytes().data() + 8);
  // An IPv6 prefix never covers an IPv4 address (IpPrefix::contains), so each family has its
  // lengths.
  walk.v4 = in_v4_space(walk.high, walk.low);
  walk.lengths = {};
  walk.open = 0;
  walk.found = {};
  for (unsigned rest = switches; rest != 0; rest &= rest - 1) {
    const auto of = static_cast<unsigned>(std::countr_zero(rest));
    const Lengths& present = lengths_[of];
    uint64_t any = 0;
    if (walk.v4) {
      any = present.v4.load(std::memory_order_acquire);
      walk.lengths[0] |= any;
    } else {
      for (size_t i = 0; i < 3; ++i) {
        const uint64_t word = present.v6[i].load(std::memory_order_acquire);
        walk.lengths[i] |= word;
        any |= word;
      }
    }
    if (any != 0) walk.open |= 1u << of;
  }
  if (walk.v4 && walk.lengths[0] >> 17 != 0) {
    const uint64_t here = long_v4_[sixteen_of(walk.low)].load(std::memory_order_acquire);
    walk.lengths[0] &= here << 17 | 0x1ffff;
  }
}

// Everything that the probes touch is asked for before the first of it is read: the memory's
// answers overlap, and a look-up of a burst waits for a part of one.
template <size_t kWalks, unsigned kProbes>
void VerdictTable::finish(std::span<Walk> walks, uint64_t wall_s) const {
  struct Probe {
    uint64_t high, low;
    uint32_t head, tag, record;
    uint8_t length, walk;
  };
  std::array<Probe, kWalks * kProbes> probes;
  for (;;) {
    size_t count = 0;
    for (size_t w = 0; w < walks.size(); ++w) {
      Walk& walk = walks[w];
      if (walk.open == 0) continue;
      unsigned taken = 0;
      for (int word = walk.v4 ? 0 : 2; word >= 0 && taken < kProbes;) {
        uint64_t& lengths = walk.lengths[static_cast<size_t>(word)];
        if (lengths == 0) {
          --word;
          continue;
        }
        const unsigned bit = 63 - static_cast<unsigned>(std::countl_zero(lengths));
        lengths &= ~(uint64_t{1} << bit);
        const unsigned length = static_cast<unsigned>(word) * 64 + bit + (walk.v4 ? 96 : 0);
        Probe& probe = probes[count++];
        probe.high = walk.high;
        probe.low = walk.low;
        mask_words(probe.high, probe.low, length);
        const uint64_t hashed = hash(probe.high, probe.low, length);
        probe.head = static_cast<uint32_t>(hashed) & head_mask_;
        probe.tag = tag_of(hashed);
        probe.length = static_cast<uint8_t>(length);
        probe.walk = static_cast<uint8_t>(w);
        __builtin_prefetch(&heads_[probe.head]);
        ++taken;
      }
      if (taken == 0) walk.open = 0;
    }
    if (count == 0) return;
    for (Probe& probe : std::span(probes).first(count)) {
      // In this order: a record that is linked has its tag, so one whose tag is not there at the
      // second load was not linked then.
      const Head& head = heads_[probe.head];
      const uint32_t first = head.first.load(std::memory_order_acquire);
      const bool may_be_there = (head.tags.load(std::memory_order_relaxed) & probe.tag) != 0;
      probe.record = may_be_there ? first : 0;
      if (probe.record != 0) __builtin_prefetch(&records_[probe.record]);
    }
    for (const Probe& probe : std::span(probes).first(count)) {
      Walk& walk = walks[probe.walk];
      for (uint32_t i = probe.record; i != 0 && walk.open != 0;) {
        const Record& record = records_[i];
        const unsigned of = 1u << static_cast<unsigned>(record.of);
        if (record.low == probe.low && record.high == probe.high && record.length == probe.length &&
            (walk.open & of) != 0 &&
            (record.expires_unix_s == 0 || record.expires_unix_s > wall_s)) {
          walk.found[static_cast<size_t>(record.of)] = &record;
          walk.open &= ~of;
        }
        i = record.next.load(std::memory_order_acquire);
      }
    }
  }
}

// The same for senders' switches and IPv4 addresses alone, with no more in hand than these need: a
// burst of them waits for memory together, and then it is instructions that count.
template <size_t kMost>
void VerdictTable::find_v4(std::span<const IpAddress> addresses, uint64_t wall_s,
                           std::span<FoundRecords> found) const {
  constexpr unsigned kProbes = kMost == 1 ? kProbesAlone : kProbesInBurst;
  constexpr uint64_t kMapped = uint64_t{0xffff} << 32;
  struct Probe {
    uint32_t address, head, tag, record;
    uint8_t length, number;
  };
  uint64_t any = 0;
  uint8_t asked = 0;
  for (unsigned of = 0; of < kSenderSwitches; ++of) {
    const uint64_t present = lengths_[of].v4.load(std::memory_order_acquire);
    any |= present;
    asked |= static_cast<uint8_t>((present != 0) << of);
  }
  std::array<uint64_t, kMost> lengths;  // not probed yet
  std::array<uint8_t, kMost> open;      // switches of which nothing was found yet
  for (size_t n = 0; n < addresses.size(); ++n) {
    found[n] = {};
    open[n] = asked;
    lengths[n] = any;
    if (any >> 17 == 0) continue;
    const size_t sixteen = sixteen_of(big_endian_word(addresses[n].bytes().data() + 8));
    const uint64_t here = long_v4_[sixteen].load(std::memory_order_acquire);
    lengths[n] &= here << 17 | 0x1ffff;
  }
  std::array<Probe, kMost * kProbes> probes;
  for (bool more = any != 0; more;) {
    more = false;
    size_t count = 0;
    for (size_t n = 0; n < addresses.size(); ++n) {
      if (open[n] == 0) continue;
      const auto address = static_cast<uint32_t>(big_endian_word(addresses[n].bytes().data() + 8));
      for (unsigned taken = 0; taken < kProbes && lengths[n] != 0; ++taken) {
        const unsigned length = 63 - static_cast<unsigned>(std::countl_zero(lengths[n]));
        lengths[n] &= ~(uint64_t{1} << length);
        const uint32_t masked =
            length == 0 ? 0 : address & static_cast<uint32_t>(~uint64_t{0} << (32 - length));
        const uint64_t hashed = hash(0, kMapped | masked, 96 + length);
        Probe& probe = probes[count++];
        probe.address = masked;
        probe.head = static_cast<uint32_t>(hashed) & head_mask_;
        probe.tag = tag_of(hashed);
        probe.length = static_cast<uint8_t>(96 + length);
        probe.number = static_cast<uint8_t>(n);
        __builtin_prefetch(&heads_[probe.head]);
      }
      more |= lengths[n] != 0;
    }
    size_t worth = 0;  // probes that found their tag
    for (const Probe& probe : std::span(probes).first(count)) {
      // In this order, as in finish().
      const Head& head = heads_[probe.head];
      const uint32_t first = head.first.load(std::memory_order_acquire);
      if ((head.tags.load(std::memory_order_relaxed) & probe.tag) == 0 || first == 0) continue;
      __builtin_prefetch(&records_[first]);
      probes[worth] = probe;
      probes[worth++].record = first;
    }
    for (const Probe& probe : std::span(probes).first(worth)) {
      uint8_t& asked_still = open[probe.number];
      for (uint32_t i = probe.record; i != 0 && asked_still != 0;) {
        const Record& record = records_[i];
        const auto of = static_cast<uint8_t>(1u << static_cast<unsigned>(record.of));
        if (record.low == (kMapped | probe.address) && record.high == 0 &&
            record.length == probe.length && (asked_still & of) != 0 &&
            (record.expires_unix_s == 0 || record.expires_unix_s > wall_s)) {
          found[probe.number][static_cast<size_t>(record.of)] = &record;
          asked_still &= static_cast<uint8_t>(~of);
        }
        i = record.next.load(std::memory_order_acquire);
      }
    }
  }
}

Verdict VerdictTable::verdict_of(std::span<const Record* const> found) const {
  const Record* const treatment = found[static_cast<size_t>(Switch::kTreatment)];
  Verdict out =
      treatment != nullptr ? treatment->verdict() : Verdict{.treatment = config_.default_treatment};
  for (size_t i = 1; i < kSenderSwitches; ++i) {
    if (found[i] != nullptr) out = strictest(out, found[i]->verdict());
  }
  return out;
}

Verdict VerdictTable::lookup(const IpAddress& address, uint64_t wall_s) const {
  if (address.is_v4()) {
    FoundRecords found;
    find_v4<1>({&address, 1}, wall_s, {&found, 1});
    return verdict_of(found);
  }
  Walk walk;
  begin(walk, address, kSenders);
  finish<1, kProbesAlone>({&walk, 1}, wall_s);
  return verdict_of(walk.found);
}

void VerdictTable::lookup_burst(std::span<const IpAddress> addresses, uint64_t wall_s,
                                std::span<Verdict> verdicts) const {
  std::array<FoundRecords, kBurst> found;
  std::array<Walk, kBurst> walks;
  for (size_t done = 0; done < addresses.size();) {
    const auto burst = addresses.subspan(done, std::min(kBurst, addresses.size() - done));
    if (std::ranges::all_of(burst, &IpAddress::is_v4)) {
      find_v4<kBurst>(burst, wall_s, found);
      for (size_t i = 0; i < burst.size(); ++i) verdicts[done + i] = verdict_of(found[i]);
    } else {
      for (size_t i = 0; i < burst.size(); ++i) begin(walks[i], burst[i], kSenders);
      finish<kBurst, kProbesInBurst>(std::span(walks).first(burst.size()), wall_s);
      for (size_t i = 0; i < burst.size(); ++i) verdicts[done + i] = verdict_of(walks[i].found);
    }
    done += burst.size();
  }
}

std::optional<Treatment> VerdictTable::said(Switch of, const IpAddress& address,
                                            uint64_t wall_s) const {
  Walk walk;
  begin(walk, address, 1u << static_cast<unsigned>(of));
  finish<1, kProbesAlone>({&walk, 1}, wall_s);
  const Record* const record = walk.found[static_cast<size_t>(of)];
  if (record == nullptr) return std::nullopt;
  return record->treatment;
}

Entry VerdictTable::entry(const IpAddress& source, const IpAddress& destination,
                          uint64_t wall_s) const {
  const auto guard = said(Switch::kInboundGuard, destination, wall_s);
  if (entry_of(guard, std::nullopt) == Entry::kOpen) return Entry::kOpen;
  return entry_of(guard, said(Switch::kInboundSource, source, wall_s));
}

}  // namespace postern::verdict
