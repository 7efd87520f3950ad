// How a client writes its commands, in one short line that tells clients apart.
//
// Theory of operation. Programs that send mail are told by their habits (Stringhini et al.,
// "B@bel: leveraging email delivery for spam mitigation", 2012). Each verb is noted when it is
// first used, spelled as the client spelled it; with the first greeting the form of the name, with
// MAIL and RCPT the form of the address and the parameters of the first one. As text:
//
//   EHLO fqdn,MAIL FROM:<>+sb,RCPT TO:<>+o,DATA,QUIT     Postfix to a server that knows all
//   helo ip,mail from: <>,rcpt to: <>,data               a bot
//
//   spelling    EHLO ehlo Ehlo: capitals, small letters, mixed; OTHER is one of those that change
//               nothing (EXPN, HELP, ETRN, XFORWARD), "?" an unknown verb, "-" a blank line
//   name        fqdn, name (without a dot), ip (bare), literal ([192.0.2.7]), none
//   address     <> right behind the colon, " <>" behind a blank, "-" without brackets
//   parameters  in the client's order, the first four. MAIL: s SIZE, b BODY, u SMTPUTF8, r RET,
//               e ENVID, a AUTH; RCPT: n NOTIFY, o ORCPT; x another
//   "~" behind a verb    blanks before or behind the line; "!" its end was a bare LF
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/smtp/command.h"

namespace postern::smtp {

class Dialect {
 public:
  static constexpr size_t kTextBytes = 64;

  // A command line that passed, without its line end.
  void note(std::string_view line, bool ended_by_crlf);
  // Writes at most kTextBytes into `out` and returns them.
  std::string_view text(std::span<char, kTextBytes> out) const;

 private:
  enum class Spelling : uint8_t { kCapitals, kSmall, kMixed };
  enum class Name : uint8_t { kNone, kFqdn, kPlain, kIp, kLiteral };
  enum class Path : uint8_t { kTight, kSpaced, kBare };
  struct Envelope {
    Spelling keyword = Spelling::kCapitals;
    Path path = Path::kTight;
    uint16_t parameters = 0;  // four bits each, the first in the lowest; 0: no more
  };
  static constexpr uint32_t kVerbs = 12;  // that are told, of the 16 there can be

  static Spelling spelling_of(std::string_view word);
  static Name name_of(std::string_view argument);
  static Envelope envelope_of(std::string_view argument, std::string_view keyword,
                              std::span<const std::string_view> parameters);

  uint64_t order_ = 0;      // Verb, four bits each, the first in the lowest
  uint32_t spellings_ = 0;  // by Verb, two bits each
  uint16_t seen_ = 0;       // by Verb, as are these
  uint16_t padded_ = 0;
  uint16_t bare_ends_ = 0;
  uint8_t count_ = 0;
  bool greeted_ = false;
  Name name_ = Name::kNone;
  Envelope mail_, rcpt_;
};

}  // namespace postern::smtp
