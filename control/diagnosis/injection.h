// The way that one message took into its server, as its event tells.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "control/channel/channel.pb.h"

namespace postern::diagnosis {

enum class Way {
  kUser,     // somebody had logged in
  kScript,   // a web script ran on the server
  kOutside,  // without a login, from an address that is not the customer's
  kInside,   // without a login, from the customer's own or a private address
  kBot,      // the sender itself, and it speaks as programs do that only send spam
  kServer,   // the server itself: a program on it, or nothing says otherwise
  kUnclear,
};

struct Injection {
  Way way = Way::kUnclear;
  std::string user = {};    // of kUser, in small letters; of kServer the account
  std::string script = {};  // of kScript
  std::optional<IpAddress> address = {};
  uint32_t trust_percent = 0;  // 100, 80 or 50: how sure this is
};

// Whose addresses are inside.
struct OwnNetwork {
  std::vector<IpPrefix> prefixes = {};  // the customer's, and the server's
  // Those, and the addresses that no provider routes (RFC 1918, 6598, 3927, 4193, 4291).
  bool has(const IpAddress& address) const;
};

Injection injection_of(const channel::v1::Event& event, const OwnNetwork& own);

// Whether the commands were written as bots write them and mail servers do not: at least two of
// small or mixed letters in a verb, a greeting with a bare address, with one word or with none, a
// blank between colon and bracket, an address without brackets, blanks around a line, an unknown
// verb; or a line that ended in a bare LF alone; or, of a session that is over and sent mail, no
// QUIT and one of them. `dialect` is as dataplane/smtp/dialect.h writes it.
bool is_bot_like(std::string_view dialect, bool session_is_over);

}  // namespace postern::diagnosis
