// What the control plane says about a sender, as the workers see it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

#include "base/case_reference.h"
#include "base/ip.h"

namespace postern {
class SenderPart;
}

namespace postern::verdict {

class NarrowBlocks;

enum class Treatment : uint8_t {
  kPass,      // not inspected
  kInspect,   // scanned; spam is refused
  kThrottle,  // inspected, and at most `messages_per_minute`; the rest is deferred with 451
  kHold,      // scanned, then deferred with 451 at the commit point
  kRefuse,    // answered by us at connect: 220, then 550 to MAIL
  kDrop,      // SYNs are dropped
};
inline constexpr std::string_view kTreatmentNames[] = {"pass", "inspect", "throttle",
                                                       "hold", "refuse",  "drop"};

// What a verdict is about. The first four are about senders: the policy's treatment of one, or one
// of the three switches, which are independent of it and of each other. For each, the most specific
// prefix that says something decides; what a sender may do is the strictest of the four. The others
// are the inbound guard, which says nothing of senders (Entry).
enum class Switch : uint8_t {
  kTreatment,
  kTrustedRelay,    // pass: it may send through the gate; anything else: that was revoked
  kSmorfBlock,      // spam came from it
  kRangeExclusion,  // an operator's choice, or a feed's
  kInboundGuard,    // pass: everybody may connect to it; anything else: who is listed
  kInboundSource,   // pass: listed; anything else: not
};
inline constexpr std::string_view kSwitchNames[] = {"treatment",     "trusted-relay",
                                                    "smorf-block",   "range-exclusion",
                                                    "inbound-guard", "inbound-source"};
inline constexpr size_t kSwitches = std::size(kSwitchNames);
inline constexpr size_t kSenderSwitches = 4;  // the first ones

// What becomes of a connection that somebody outside opens to a mail port.
enum class Entry : uint8_t {
  kOpen,     // as if there were no guard
  kReset,    // its SYN is answered with a RST, as if nobody listened
  kDropped,  // its SYN is dropped
};

constexpr bool is_about_sender(Switch of) {
  return of != Switch::kInboundGuard && of != Switch::kInboundSource;
}

// What becomes of the STARTTLS keyword in a server's reply to EHLO (RFC 3207).
enum class StartTls : uint8_t {
  kAsPolicy,  // as policy.starttls says
  kAllow,     // it stands; behind it nothing is scanned
  kMask,      // it is overwritten, so that the session stays in the clear
};
inline constexpr std::string_view kStartTlsNames[] = {"policy", "allow", "mask"};

// A token bucket shared by all workers (lock-free). Holds up to one minute's allowance. Starts
// full.
class ThrottleBucket {
 public:
  // True: one more message may pass now. Any worker; never waits.
  bool take(uint32_t messages_per_minute, uint64_t monotonic_us);
  // Goes on where `other` stands: a verdict that changed must not hand out a fresh allowance.
  void carry_over(const ThrottleBucket& other);

 private:
  // Theoretical arrival time of the generic cell rate algorithm (ITU-T I.371), monotonic µs.
  std::atomic<uint64_t> theoretical_arrival_us_{0};
};

struct Verdict {
  Treatment treatment = Treatment::kInspect;
  uint32_t messages_per_minute = 0;   // throttle only
  CaseReference case_reference = {};  // 0: none
  ThrottleBucket* bucket = nullptr;  // throttle only; valid until the worker's next quiescent state
  StartTls starttls = StartTls::kAsPolicy;
  Switch held_by = Switch::kTreatment;  // which of them is the strictest
  // The part of the sender's mail that it is about; null: all of it. Valid as `bucket` is.
  const SenderPart* part = nullptr;
};

// Of two verdicts on one sender that come from different switches. Of equals the first. What the
// treatment says of STARTTLS is kept.
inline Verdict strictest(const Verdict& a, const Verdict& b) {
  const bool b_is_stricter =
      b.treatment != a.treatment
          ? b.treatment > a.treatment
          : b.treatment == Treatment::kThrottle && b.messages_per_minute < a.messages_per_minute;
  Verdict out = b_is_stricter ? b : a;
  out.starttls = a.starttls != StartTls::kAsPolicy ? a.starttls : b.starttls;
  return out;
}

// There is at most one verdict for each.
struct VerdictKey {
  IpPrefix prefix = {};
  Switch of = Switch::kTreatment;
  auto operator<=>(const VerdictKey&) const = default;
};

// What the guard's verdict on whom a connection is for, and the list's on whom it comes from, come
// to; each the most specific that holds, nothing where there is none.
constexpr Entry entry_of(std::optional<Treatment> guard, std::optional<Treatment> source) {
  if (!guard || guard == Treatment::kPass || source == Treatment::kPass) return Entry::kOpen;
  return guard == Treatment::kDrop ? Entry::kDropped : Entry::kReset;
}

// A verdict as it is pushed, stored and counted: with the prefix that it covers.
struct PrefixVerdict {
  IpPrefix prefix = {};  // host bits zero
  Treatment treatment = Treatment::kInspect;
  uint32_t messages_per_minute = 0;         // throttle only
  CaseReference case_reference = {};        // 0: none
  uint64_t expires_unix_s = 0;              // 0: never
  StartTls starttls = StartTls::kAsPolicy;  // of the treatment only
  Switch of = Switch::kTreatment;
  VerdictKey key() const { return {prefix, of}; }
  auto operator<=>(const PrefixVerdict&) const = default;
};

// Looks a sender up. Workers call it from their loop: no lock, no allocation.
class VerdictSource {
 public:
  virtual ~VerdictSource() = default;
  // The strictest of what the switches say of `address`, each by its most specific unexpired
  // verdict; of a switch that says nothing, the configured default.
  virtual Verdict lookup(const IpAddress& address, uint64_t wall_s) const = 0;
  // The same for each of `addresses`, into the place of `verdicts` with its number; there are as
  // many.
  virtual void lookup_burst(std::span<const IpAddress> addresses, uint64_t wall_s,
                            std::span<Verdict> verdicts) const {
    for (size_t i = 0; i < addresses.size(); ++i) verdicts[i] = lookup(addresses[i], wall_s);
  }
  // Whether `source`, outside, may open a connection to a mail port of `destination`. Costs next to
  // nothing while nobody is guarded.
  virtual Entry entry(const IpAddress& source, const IpAddress& destination,
                      uint64_t wall_s) const {
    (void)source, (void)destination, (void)wall_s;
    return Entry::kOpen;
  }
  // What is said of parts of senders' mail; null: nothing of anybody's. Valid until the worker's
  // next quiescent state.
  virtual const NarrowBlocks* narrow() const { return nullptr; }
};

}  // namespace postern::verdict
