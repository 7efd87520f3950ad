// Learning who logs in from an AUTH exchange (RFC 4954), without learning the password.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace postern::smtp {

// How the last AUTH exchange of a connection went.
enum class AuthResult : uint8_t {
  kNone,        // there was none
  kUnanswered,  // under way, or the connection ended in it
  kAccepted,    // 235
  kRefused,     // 4yz or 5yz
  kCancelled,   // the client gave up with "*" (RFC 4954 4)
};
inline constexpr std::string_view kAuthResultNames[] = {"", "unanswered", "accepted", "refused",
                                                        "cancelled"};

// The name is decoded as far as the password's first octet and no further: the password never
// exists in our memory in the clear.
class AuthUser {
 public:
  // The argument of the AUTH command: a mechanism and perhaps an initial response.
  void begin(std::string_view argument);
  // A line that the client sent in answer to a 334.
  void continuation(std::string_view line);
  // The server's last word on the exchange: 235 makes the name known.
  void end(bool accepted);
  void clear() { *this = AuthUser(); }

  // Empty until the server accepted; cut at 64 octets.
  std::string_view name() const { return {name_.data(), accepted_ ? length_ : size_t{0}}; }

 private:
  enum class Expect : uint8_t { kNothing, kPlain, kLoginName };
  void learn(std::string_view base64);

  std::array<char, 64> name_{};
  uint8_t length_ = 0;
  bool accepted_ = false;
  Expect expect_ = Expect::kNothing;
};

}  // namespace postern::smtp
