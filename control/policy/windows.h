// What one server did in the last hours, as the policy counts it: different messages, not attempts.
//
// Theory of operation. A message that a server tries again after a 4xx is the same message, so spam
// and deferred mail are counted by fingerprint (Event::content_hash), once, at the time when it was
// first seen; what was forwarded was taken, so it is counted as it comes. Counts that are sums go
// into buckets of a minute, and after an hour into buckets of a quarter of an hour: a window up to
// an hour is exact to a minute, a longer one to a quarter.
//
// Bounded: kMostSpam fingerprints and kMostParts parts for a server, the least recent forgotten
// first. A value; knows no clock and no thread. Times are Unix seconds and do not go backwards; one
// that does is taken for the last one.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <unordered_set>
#include <vector>

#include "base/sender_part.h"
#include "control/channel/channel.pb.h"

namespace postern::policy {

inline constexpr uint64_t kLongestWindow_s = 24 * 3600;

// What a part's, or a server's, mail comes to in a window.
struct Counts {
  uint64_t spam = 0;      // different messages
  uint64_t messages = 0;  // those, what was forwarded, and different deferred ones
  uint64_t rejected = 0;  // recipients that servers did not take
  uint64_t null_senders = 0;
  uint64_t failed_logins = 0;
  uint64_t attempts = 0;  // blocked unread
  bool operator==(const Counts&) const = default;
};

// A sum over a window that slides.
class Tally {
 public:
  void add(uint64_t now_s, uint64_t n);
  uint64_t in_last(uint64_t window_s, uint64_t now_s) const;
  bool empty() const { return minutes_.empty() && quarters_.empty(); }

 private:
  struct Bucket {
    uint64_t begin_s = 0;
    uint64_t n = 0;
  };
  std::deque<Bucket> minutes_, quarters_;
};

class ServerWindow {
 public:
  static constexpr size_t kMostSpam = 2'000;
  static constexpr size_t kMostDeferred = 1'000;
  static constexpr size_t kMostParts = 64;

  // What it tells: nothing, or a spam message that was not seen before.
  enum class News { kNone, kSpam, kOther };
  News add(const channel::v1::Event& event, uint64_t now_s);

  // Of all of the server's mail but that of `without`; a message of two parts is out when one is.
  Counts whole(uint64_t window_s, uint64_t now_s,
               const std::vector<SenderPart>& without = {}) const;
  // Of one user, or of what one address hands in. Logins and attempts are the server's alone.
  Counts part(const SenderPart& part, uint64_t window_s, uint64_t now_s) const;
  // Parts that sent spam in the window, of what is not of `without`: users, then addresses, each
  // the most spam first.
  struct PartSpam {
    SenderPart part;
    uint64_t spam = 0;
  };
  std::vector<PartSpam> parts(uint64_t window_s, uint64_t now_s,
                              const std::vector<SenderPart>& without = {}) const;

  // What a case about this part (or all of it) rested on counts no more.
  void forgive(const SenderPart& part);
  uint64_t last_seen_s() const { return last_s_; }
  // Nothing but forwarded mail in it.
  bool is_clean() const { return spam_.empty(); }

 private:
  // One fingerprint.
  struct Seen {
    uint64_t at_s = 0;
    uint64_t fingerprint = 0;
    SenderPart user, from;  // whole: not known
    bool is_of(const SenderPart& part) const { return user == part || from == part; }
    bool is_of_any(const std::vector<SenderPart>& parts) const {
      return std::ranges::any_of(parts, [this](const SenderPart& part) { return is_of(part); });
    }
  };
  struct Mail {
    Tally forwarded;
    uint64_t last_s = 0;
  };
  bool keep(std::deque<Seen>& list, std::unordered_set<uint64_t>& known, Seen seen, size_t most);
  Mail& mail_of(const SenderPart& part);
  void forget(uint64_t now_s);

  std::deque<Seen> spam_, deferred_;  // oldest first
  std::unordered_set<uint64_t> known_spam_, known_deferred_;
  Tally forwarded_, rejected_, null_senders_, failed_logins_, attempts_;
  std::map<SenderPart, Mail> parts_;
  uint64_t last_s_ = 0;
};

// The parts that an event belongs to, whole where nothing is known for certain: the user who logged
// in, and the address that handed the message in.
SenderPart user_of(const channel::v1::Event& event);
SenderPart injector_of(const channel::v1::Event& event);

}  // namespace postern::policy
