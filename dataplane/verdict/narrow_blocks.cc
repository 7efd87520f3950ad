#include "dataplane/verdict/narrow_blocks.h"

#include <algorithm>
#include <tuple>

namespace postern::verdict {
namespace {

constexpr uint8_t kFirstV4Length = 96;

// Prefixes by length in the 128-bit key space, then by address.
auto place(const IpPrefix& prefix) {
  return std::tuple(prefix.mapped_length(), prefix.address.bytes());
}

auto place(const NarrowVerdict& v) {
  return std::tuple(place(v.prefix), v.part.kind(), place(v.part.prefix()), v.part.user_name());
}

}  // namespace

NarrowBlocks NarrowBlocks::of(std::vector<NarrowVerdict> verdicts) {
  const auto by_place = [](const NarrowVerdict& v) { return place(v); };
  std::ranges::stable_sort(verdicts, {}, by_place);
  NarrowBlocks blocks;
  for (NarrowVerdict& v : verdicts) {
    auto& kept = blocks.verdicts_;
    if (!kept.empty() && kept.back().key() == v.key()) {
      kept.back() = v;
    } else {
      kept.push_back(v);
    }
  }
  uint32_t index = 0;
  for (const NarrowVerdict& v : blocks.verdicts_) {
    const uint8_t length = v.prefix.mapped_length();
    const auto& address = v.prefix.address.bytes();
    auto& senders = blocks.senders_;
    if (senders.empty() || senders.back().length != length || senders.back().address != address) {
      if (senders.empty() || senders.back().length != length) blocks.lengths_.push_back(length);
      senders.push_back({length, address, index, index, index});
    }
    ++index;
    if (v.part.kind() == SenderPart::Kind::kUser) senders.back().ranges = index;
    senders.back().end = index;
  }
  std::ranges::reverse(blocks.lengths_);
  return blocks;
}

// What `visit` says first of the senders that cover the address, the most specific first.
template <typename Visit>
std::optional<Verdict> NarrowBlocks::first_of_senders(const IpAddress& address, Visit visit) const {
  const bool v4 = address.is_v4();
  for (const uint8_t length : lengths_) {
    // An IPv6 prefix never covers an IPv4 address (IpPrefix::contains).
    if (v4 && length < kFirstV4Length) break;
    const std::tuple wanted(length, masked(address.bytes(), length));
    const auto key = [](const Sender& sender) { return std::tuple(sender.length, sender.address); };
    const auto sender = std::ranges::lower_bound(senders_, wanted, {}, key);
    if (sender == senders_.end() || key(*sender) != wanted) continue;
    if (const auto found = visit(*sender)) return found;
  }
  return std::nullopt;
}

std::optional<Verdict> NarrowBlocks::said(const NarrowVerdict& verdict, uint64_t wall_s) const {
  if (verdict.expires_unix_s != 0 && verdict.expires_unix_s <= wall_s) return std::nullopt;
  return Verdict{.treatment = verdict.treatment,
                 .case_reference = verdict.case_reference,
                 .held_by = Switch::kSmorfBlock,
                 .part = &verdict.part};
}

std::optional<Verdict> NarrowBlocks::on_user(const IpAddress& sender, std::string_view name,
                                             uint64_t wall_s) const {
  std::array<char, SenderPart::kUserBytes> room;
  const std::string_view wanted = lower_ascii(name, room);
  if (wanted.empty()) return std::nullopt;
  return first_of_senders(sender, [&](const Sender& s) -> std::optional<Verdict> {
    const auto users = all().subspan(s.users, s.ranges - s.users);
    const auto user_name = [](const NarrowVerdict& v) { return v.part.user_name(); };
    const auto user = std::ranges::lower_bound(users, wanted, {}, user_name);
    if (user == users.end() || user_name(*user) != wanted) return std::nullopt;
    return said(*user, wall_s);
  });
}

std::optional<Verdict> NarrowBlocks::on_origin(const IpAddress& sender, const IpAddress& from,
                                               uint64_t wall_s) const {
  const auto length_of = [](const NarrowVerdict& v) { return v.part.prefix().mapped_length(); };
  return first_of_senders(sender, [&](const Sender& s) -> std::optional<Verdict> {
    auto ranges = all().subspan(s.ranges, s.end - s.ranges);
    // From the longest prefixes on, one length after the other.
    while (!ranges.empty()) {
      const uint8_t length = length_of(ranges.back());
      const auto shorter = std::ranges::lower_bound(ranges, length, {}, length_of);
      const std::span of_length(shorter, ranges.end());
      ranges = ranges.first(static_cast<size_t>(shorter - ranges.begin()));
      if (from.is_v4() && length < kFirstV4Length) break;
      const auto wanted = masked(from.bytes(), length);
      const auto address_of = [](const NarrowVerdict& v) {
        return v.part.prefix().address.bytes();
      };
      const auto range = std::ranges::lower_bound(of_length, wanted, {}, address_of);
      if (range == of_length.end() || address_of(*range) != wanted) continue;
      if (const auto found = said(*range, wall_s)) return found;
    }
    return std::nullopt;
  });
}

bool NarrowBlocks::any_on(const IpAddress& sender, uint64_t wall_s) const {
  const auto found = first_of_senders(sender, [&](const Sender& s) -> std::optional<Verdict> {
    for (const NarrowVerdict& v : all().subspan(s.users, s.end - s.users)) {
      if (const auto verdict = said(v, wall_s)) return verdict;
    }
    return std::nullopt;
  });
  return found.has_value();
}

}  // namespace postern::verdict
