// The relays that handed a message on, as its Received fields tell, in the words of SpamAssassin's
// pseudo headers X-Spam-Relays-Trusted and -Untrusted:
//
//   [ ip=192.0.2.7 rdns=a.example helo=b.example by=c.example ident= envfrom= intl=0 id=X auth=
//   msa=0 ]
//
// Theory of operation. The topmost Received field was written by the server that now sends. From
// there on down a relay is trusted while it is of a private network or was authenticated, as
// SpamAssassin has it when no networks are configured: what it trusts then is internal, too, and
// all else external. So the first untrusted relay is who handed the message to the sending site
// from outside and without a login. The connection that the message comes over is no relay: it is
// the sending server's own. Behind the relays of Received fields stand the addresses that web
// mailers name in fields of their own (X-Originating-IP).
//
// A field is taken apart by what stands behind its first word: parentheses in which the server that
// wrote it has put the address, and its own words for names. Fields that tell of no address are no
// relay. Nothing is allocated; what does not fit is left out.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string_view>

#include "base/ip.h"
#include "dataplane/mime/fixed_text.h"

namespace postern::scan {

// One relay. The views are into the line that it was read from.
struct Relay {
  std::string_view ip;
  IpAddress address;
  std::string_view rdns;
  std::string_view helo;
  std::string_view by;
  std::string_view ident;
  std::string_view id;
  std::string_view auth;     // how it was authenticated; empty: it was not, or nobody says so
  std::string_view auth_of;  // more of it, behind "auth": " (…)", or empty
  std::optional<std::string_view> envelope_from;
  bool fetched = false;  // from a mailbox, by a program
};

enum class NoRelay : uint8_t {
  kLocal,       // of no connection, or it is known that the server tells no address
  kUnreadable,  // of a connection, in words that are not known
};
// `line`: a Received field's value without folding, runs of white space made one blank, none at its
// ends.
std::expected<Relay, NoRelay> read_relay(std::string_view line);

// "192.0.2.7", also in brackets, behind "IPv6:", with a zone, or mapped: as it is written into a
// relay. Empty when it is none.
std::string_view relay_address(std::string_view text, IpAddress& address);

// Of RFC 1918, 6598, 3927 and 4193, or of the host itself.
bool is_private(const IpAddress& address);

class Relays {
 public:
  static constexpr size_t kLineBytes = 2048;   // of a field; what is longer is cut
  static constexpr size_t kTextBytes = 32768;  // of all trusted relays, and of all others

  Relays();
  void begin();
  // A field of the message, decoded.
  void field(std::string_view name, std::string_view value);
  // All fields have been told.
  void finish();

  std::string_view trusted() const { return {trusted_.bytes.get(), trusted_.used}; }
  std::string_view untrusted() const { return {untrusted_.bytes.get(), untrusted_.used}; }
  // Received fields that could not be read.
  uint32_t unreadable() const { return unreadable_; }
  // Who the message was from, by the last relay that is to be believed: the first untrusted, else
  // the last trusted one. Nothing when it does not say.
  std::optional<std::string_view> envelope_from() const;

 private:
  static constexpr size_t kOriginFields = 6;
  struct Text {
    std::unique_ptr<char[]> bytes;
    size_t used = 0;
  };
  struct Sender {
    mime::FixedText<320> address;
    bool known = false;
  };

  void add(const Relay& relay);
  void append(Text& text, const Relay& relay, bool internal);

  bool in_trusted_ = true;
  Text trusted_;
  Text untrusted_;
  Sender first_untrusted_;
  bool any_untrusted_ = false;
  Sender last_trusted_;
  std::array<mime::FixedText<48>, kOriginFields> origins_;  // addresses, in SpamAssassin's order
  uint32_t unreadable_ = 0;
  bool finished_ = false;
};

}  // namespace postern::scan
