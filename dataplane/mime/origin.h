// Where a message came from: who gave it to the server that now sends it on.
//
// Theory of operation. The header is read from its top. The topmost Received line was written by
// the host at the other end of the connection, if it is a mail server at all: its name there should
// be the one that it greeted with. Where that line says that the mail came from the host itself
// (loopback, LMTP, a content filter that hands back), the next line is of the same making, and is
// read too when it bears one of the host's names. The first line that tells of somewhere else, or
// of an account of the host, is the injecting one. Everything below it was in the message when it
// was handed in, and is not believed.
//
// The X- fields of web mailers, PHP and hosting panels:
// - above the injecting line they were written by the server, and are believed as that line is;
// - below it they are believed only where a program of the host itself handed the message in,
//   because such programs write them. A program could write anything there, so the confidence is
//   one step lower, unless PHP names the very account that Received names;
// - a user's name is also taken from below a line that says "authenticated" and not as whom, the
//   last of its kind (Exim adds at the end), one step lower.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ip.h"
#include "dataplane/mime/fixed_text.h"
#include "dataplane/mime/received.h"

namespace postern::mime {

struct Origin {
  enum class Confidence : uint8_t { kNone, kLow, kMedium, kHigh };

  std::optional<IpAddress> address;  // none when an account or a program of the host handed it in
  Authenticated authenticated = Authenticated::kUnknown;
  Confidence confidence = Confidence::kNone;
  FixedText<64> user;  // logged in as; or the host's account, as "uid 33" or its name
  FixedText<128> script;
  FixedText<240> why;  // a sentence for people
};

// Of one message. Allocates nothing. begin() makes it new.
class OriginReader {
 public:
  // `helo`: the name that the connection's client greeted with; `client`: its address.
  void begin(std::string_view helo, const IpAddress& client);
  // The message's own header fields, in order. `raw`: with folding.
  void field(std::string_view name, std::string_view raw);
  // No field() before the next begin().
  const Origin& finish();

 private:
  static constexpr size_t kNameBytes = 128;

  // The line that is believed to tell of the injection, its views copied.
  struct Hop {
    Received::Way way = Received::Way::kNetwork;
    Received::Software software = Received::Software::kOther;
    std::optional<IpAddress> address;
    Authenticated authenticated = Authenticated::kUnknown;
    FixedText<64> user;
    bool user_is_number = false;
    bool from_host_itself = false;
  };
  // What a field of one kind says: the topmost and the last of its kind.
  template <size_t N>
  struct Claim {
    FixedText<N> first, last;
    uint32_t first_after = 0, last_after = 0;  // how many Received stood above
    bool made = false;

    void add(std::string_view value, uint32_t after) {
      if (!made) {
        first.assign(value);
        first_after = after;
      }
      last.assign(value);
      last_after = after;
      made = true;
    }
  };
  enum class Match : uint8_t { kUnknown, kHost, kDomain, kNone };

  void received(const Received& received);
  bool is_host_itself(const Received& received) const;
  bool is_written_by_host(const Received& received) const;
  void match(const Received& received);
  void add_claim(std::string_view name, std::string_view value);
  // The claim to believe; empty when there is none. `below`: whether it stands below the line.
  template <size_t N>
  std::string_view believed(const Claim<N>& claim, bool* below) const;
  void take_user();
  void take_script();
  void take_webmail();
  void take_visitor(std::string_view addresses);
  void lower();
  void lower_for_field();
  void explain();

  FixedText<kNameBytes> helo_;
  IpAddress client_;
  FixedText<kNameBytes> by_;  // the name in the topmost line that has one
  Match match_ = Match::kUnknown;
  Hop hop_;
  bool found_ = false;         // the injecting line has been read
  bool through_host_ = false;  // lines of the host's own programs stand above it
  uint32_t received_ = 0;      // all
  uint32_t hop_at_ = 0;        // how many stand above hop_
  Claim<64> user_;
  Claim<64> visitor_;      // X-Originating-IP
  Claim<128> php_script_;  // X-PHP-Originating-Script: "33:mailer.php"
  Claim<192> web_script_;  // X-PHP-Script: "www.example.com/contact.php for 192.0.2.9"
  Claim<128> source_;      // X-Source-Args
  Claim<128> source_dir_;
  Claim<64> auth_as_;  // Exchange's
  bool lowered_for_field_ = false;
  bool from_x_field_ = false;  // the address is a visitor's, from an X- field
  Origin origin_;
};

}  // namespace postern::mime
