// What is probably wrong at a sender, read off what it sent: for its customer, and for whoever
// decides.
//
// Theory of operation. Each different spam message (the same fingerprint counts once) was handed in
// in one way (injection.h): with a user's login, by a script, without a login from outside, from
// the customer's own network, or by the server itself. A way that spam took is a *finding*, and its
// score is made by rules that anybody can follow by hand; `grounds` says which of them counted:
// - 70 points times the share of the spam messages that came this way, each weighed by how sure its
//   origin is (seen on the wire or "high" 100 %, "medium" 80 %, "low" or nothing said 50 %);
// - 10 points for each sign beside it (rules.cc names those of each kind), 30 at most;
// - at most 60 from fewer than 3 messages, and at most 65 for what looks alike when it is harmless
//   until something proves it (an open relay looks like forwarding: a probe tells).
// High confidence is 70 points or more, medium 40. A way below 5 points is not told.
//
// Findings stand in the order of their scores. When there is none, the first is "unknown": there is
// always a first one. All texts that come from mail went through plain_text() and are capped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/ledger/ledger.h"

namespace postern::diagnosis {

enum class Kind {
  kStolenPassword,  // of `user`; an empty one: of users who are not named
  kOpenRelay,
  kInfectedHost,  // `addresses`: which
  kWebScript,     // `script`
  kBruteForce,    // passwords are being tried, at the server or from it
  kOwnSpam,       // the server itself is where it comes from: nothing separates
  kUnknown,
};
inline constexpr std::string_view kKindNames[] = {"stolen password", "open relay",  "infected host",
                                                  "web script",      "brute force", "own spam",
                                                  "unknown"};

enum class Confidence { kLow, kMedium, kHigh };
inline constexpr std::string_view kConfidenceNames[] = {"low", "medium", "high"};

// One event that shows a finding.
struct Line {
  uint64_t at_unix_s = 0;
  std::string client = {};  // the server that sent it
  std::string user = {};    // logged in as
  std::string from = {};    // the address that handed it in
  std::string what = {};    // its subject, or what happened
  std::string why = {};     // how its origin is known
  std::string header = {};  // its first Received line, where the header was sampled
  bool operator==(const Line&) const = default;
};
// For people: "2026-11-22T10:00:03Z 192.0.2.7, bob, from 203.0.113.9: Cheap pills. …"
std::string describe(const Line& line);

struct Finding {
  Kind kind = Kind::kUnknown;
  Confidence confidence = Confidence::kLow;
  uint32_t score = 0;     // 0 to 100
  std::string text = {};  // one sentence
  std::string user = {};
  std::vector<std::string> addresses = {};  // the first that handed it in, most messages first
  std::string script = {};
  std::vector<std::string> grounds = {};  // what the score is made of
  std::vector<Line> lines = {};           // oldest first
  std::string probe = {};                 // what would confirm it or rule it out; empty: nothing
  bool operator==(const Finding&) const = default;
};

enum class RelayState { kOpen, kClosed, kUndecided };
inline constexpr std::string_view kRelayStateNames[] = {"open", "closed", "undecided"};
// What a probe found.
struct RelayProbe {
  uint64_t at_unix_s = 0;
  RelayState state = RelayState::kUndecided;
  std::string text = {};
  bool operator==(const RelayProbe&) const = default;
};

struct Diagnosis {
  uint64_t made_unix_s = 0;
  uint32_t spam_messages = 0;            // different ones that it rests on
  std::vector<Finding> findings = {};    // at least one; the first is the one to say
  std::vector<std::string> advice = {};  // what to do: a checklist for the customer's admin
  std::optional<RelayProbe> probe = {};  // the last one
  bool operator==(const Diagnosis&) const = default;
};

// Reads the case's evidence, what the ledger tells of its subject since a day before it was opened,
// and what a probe since then has found. Changes nothing. Any thread; takes as long as reading some
// thousand events does.
ledger::Result<Diagnosis> diagnose(ledger::Ledger& ledger, const ledger::Case& about,
                                   uint64_t now_unix_s);

// The first finding as a sentence: "… (high confidence)".
std::string summary(const Diagnosis& diagnosis);

// The same with what a probe says of an open relay: open proves it (and it stands first), closed
// rules it out (low confidence), undecided changes nothing but the advice.
Diagnosis confirm(Diagnosis diagnosis, const RelayProbe& probe);

// JSON of one object, ledger::Case::diagnosis. Beside what from_json() reads it has what others
// read: "kind" (the first finding's), each finding's "lines" as texts, and "asks_for", the marks of
// restoration that it makes necessary (control/cases/marks.h).
std::string to_json(const Diagnosis& diagnosis);
// Nothing when the text is none of these.
std::optional<Diagnosis> from_json(std::string_view text);

}  // namespace postern::diagnosis
