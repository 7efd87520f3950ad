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

// Of which a name is learnt from PLAIN, LOGIN and XOAUTH2. The others are followed all the same: a
// line that answers a 334 is no command, whatever it says.
inline constexpr std::string_view kAuthMechanisms[] = {"",
                                                       "PLAIN",
                                                       "LOGIN",
                                                       "CRAM-MD5",
                                                       "DIGEST-MD5",
                                                       "XOAUTH2",
                                                       "OAUTHBEARER",
                                                       "EXTERNAL",
                                                       "GSSAPI",
                                                       "NTLM",
                                                       "ANONYMOUS",
                                                       "SCRAM-SHA-1",
                                                       "SCRAM-SHA-256",
                                                       "SCRAM-SHA-256-PLUS",
                                                       "other"};

// The name is decoded as far as the password's first octet and no further: the password never
// exists in our memory in the clear.
class AuthUser {
 public:
  // The argument of the AUTH command: a mechanism and perhaps an initial response.
  void begin(std::string_view argument);
  // A line that the client sent in answer to a 334.
  void continuation(std::string_view line);
  // The server's last word on the exchange: 235 makes the name known.
  void end(uint16_t code);
  // Who was logged in is not any more; what is known of the last exchange stays.
  void forget_login() {
    forget_name();
    accepted_ = false;
  }

  // Empty until the server accepted; cut at 64 octets.
  std::string_view name() const { return {name_.data(), accepted_ ? length_ : size_t{0}}; }
  // Of the last exchange. A mechanism that we do not know is "other": what stands in its place may
  // be a password.
  std::string_view mechanism() const { return kAuthMechanisms[mechanism_]; }
  AuthResult result() const { return result_; }
  // Exchanges that the server refused for what the client said in them, not for their form.
  uint32_t failures() const { return failures_; }

 private:
  enum class Expect : uint8_t { kNothing, kPlain, kLoginName, kOauth };
  void learn(std::string_view base64);
  void learn_plain(std::string_view base64);
  void learn_oauth(std::string_view base64);
  void add(char octet);
  void forget_name();

  std::array<char, 64> name_{};
  uint8_t length_ = 0;
  bool accepted_ = false;
  bool cancelled_ = false;
  Expect expect_ = Expect::kNothing;
  uint8_t mechanism_ = 0;  // index into kAuthMechanisms
  AuthResult result_ = AuthResult::kNone;
  uint16_t failures_ = 0;
};

}  // namespace postern::smtp
