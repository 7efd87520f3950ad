// One Received field (RFC 5321 4.4) as the software that writes it means it.
//
// Theory of operation. What a client says of itself stands in such a line too, its HELO name above
// all, and a client may say anything, an address in brackets or " by mail.example.com" included. So
// a line is taken apart where its writer, not the client, decides: servers begin their own clause
// ("by …") on a line of its own, and set the address that they saw before or behind what the client
// said, each in its own way. Where a server folds nothing, the first "by" outside of parentheses is
// taken.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ip.h"

namespace postern::mime {

enum class Authenticated : uint8_t { kUnknown, kNo, kYes };

struct Received {
  enum class Software : uint8_t {
    kOther,
    kPostfix,
    kExim,
    kSendmail,
    kOpenSmtpd,
    kExchange,
    kQmail
  };
  enum class Way : uint8_t {
    kNetwork,   // over a connection, from `address` where it was told
    kAccount,   // handed in by an account of the host, `user`
    kHandedOn,  // between programs of one host: LMTP, a pickup folder, qmail's own steps
    kWeb,       // typed into a web mailer, whose visitor `address` is
  };

  Software software = Software::kOther;
  Way way = Way::kNetwork;
  std::string_view from;  // the name that was said (HELO), or found
  std::string_view by;    // the host that wrote the line
  std::string_view user;  // logged in as; of kAccount the account's number or name
  bool user_is_number = false;
  std::optional<IpAddress> address;     // that the mail came from
  std::optional<IpAddress> by_address;  // of the host that wrote the line
  Authenticated authenticated = Authenticated::kUnknown;
};

// `value`: with its folding ("\n" or CRLF before white space). The views are into it. Allocates
// nothing.
Received read_received(std::string_view value);

// "192.0.2.7", "2001:db8::7", either in brackets, behind "IPv6:", with a zone.
std::optional<IpAddress> read_address(std::string_view text);

}  // namespace postern::mime
