// Blocks on a part of a sender's mail: one AUTH user of it, or one address or range that hands mail
// in to it. A set of them, made once and then only read.
//
// Theory of operation. The blocks stand sorted in one array: by sender, and of each sender its
// users by name, then its ranges by length. A look-up takes the sender prefixes that cover the
// address, the longest first, and searches each one's own stretch. There are few such senders, so
// that a sender of whom nothing is said costs one short search for each prefix length that occurs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/sender_part.h"
#include "dataplane/verdict/verdict.h"

namespace postern::verdict {

// There is at most one block for each. `part` is never the whole sender.
struct NarrowKey {
  IpPrefix prefix = {};  // the sender
  SenderPart part = {};
  auto operator<=>(const NarrowKey&) const = default;
};

// Always of the switch kSmorfBlock.
struct NarrowVerdict {
  IpPrefix prefix = {};
  SenderPart part = {};
  Treatment treatment = Treatment::kRefuse;  // or kHold
  CaseReference case_reference = {};         // 0: none
  uint64_t expires_unix_s = 0;               // 0: never
  NarrowKey key() const { return {prefix, part}; }
  auto operator<=>(const NarrowVerdict&) const = default;
};

constexpr bool is_narrow_treatment(Treatment treatment) {
  return treatment == Treatment::kHold || treatment == Treatment::kRefuse;
}

class NarrowBlocks {
 public:
  NarrowBlocks() = default;
  // Of several with one key the last counts.
  static NarrowBlocks of(std::vector<NarrowVerdict> verdicts);

  // Of each, the most specific one that has not expired. Allocates nothing; any thread. The
  // result's `part` lives as long as this.

  // On a user of the sender, whose name may be in either case.
  std::optional<Verdict> on_user(const IpAddress& sender, std::string_view name,
                                 uint64_t wall_s) const;
  // On who hands mail in to the sender from this address.
  std::optional<Verdict> on_origin(const IpAddress& sender, const IpAddress& from,
                                   uint64_t wall_s) const;
  // Whether anything is said of parts of the sender's mail.
  bool any_on(const IpAddress& sender, uint64_t wall_s) const;

  bool empty() const { return verdicts_.empty(); }
  // In an order of their own.
  std::span<const NarrowVerdict> all() const { return verdicts_; }

 private:
  // The stretch of one sender prefix.
  struct Sender {
    uint8_t length;  // in the 128-bit key space
    std::array<uint8_t, 16> address;
    uint32_t users, ranges, end;  // where they begin
  };
  template <typename Visit>
  std::optional<Verdict> first_of_senders(const IpAddress& address, Visit visit) const;
  std::optional<Verdict> said(const NarrowVerdict& verdict, uint64_t wall_s) const;

  std::vector<NarrowVerdict> verdicts_;
  std::vector<Sender> senders_;
  std::vector<uint8_t> lengths_;  // of senders, the longest first
};

}  // namespace postern::verdict
