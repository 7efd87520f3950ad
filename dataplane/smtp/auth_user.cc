#include "dataplane/smtp/auth_user.h"

#include <string.h>

#include <iterator>

#include "dataplane/smtp/command.h"

namespace postern::smtp {
namespace {

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return -1;
}

// Calls `take(octet)` for each decoded octet until it returns false. Stops at "=" and at the first
// character that is no digit.
template <typename Take>
void decode_base64(std::string_view text, Take take) {
  uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const int digit = base64_digit(c);
    if (digit < 0) return;
    bits = (bits << 6 | static_cast<uint32_t>(digit)) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    if (!take(static_cast<char>(bits >> held & 0xff))) return;
  }
}

}  // namespace

void AuthUser::begin(std::string_view argument) {
  expect_ = Expect::kNothing;
  cancelled_ = false;
  // A second AUTH after a success is an error (RFC 4954 4): what is known stays.
  if (accepted_) return;
  forget_name();
  result_ = AuthResult::kUnanswered;
  const size_t blank = argument.find_first_of(" \t");
  const std::string_view mechanism = argument.substr(0, blank);
  mechanism_ = static_cast<uint8_t>(std::size(kAuthMechanisms) - 1);
  for (size_t i = 1; i < std::size(kAuthMechanisms); ++i) {
    if (equals_upper(mechanism, kAuthMechanisms[i])) mechanism_ = static_cast<uint8_t>(i);
  }
  if (equals_upper(mechanism, "PLAIN")) expect_ = Expect::kPlain;
  if (equals_upper(mechanism, "LOGIN")) expect_ = Expect::kLoginName;
  if (equals_upper(mechanism, "XOAUTH2")) expect_ = Expect::kOauth;
  if (blank == std::string_view::npos) return;
  const size_t response = argument.find_first_not_of(" \t", blank);
  if (response != std::string_view::npos) learn(argument.substr(response));
}

void AuthUser::continuation(std::string_view line) {
  if (line == "*") cancelled_ = true;
  learn(line);
}

void AuthUser::add(char octet) {
  if (length_ < name_.size()) name_[length_++] = octet;
}

// Also its octets: what was taken for a name may have been something else.
void AuthUser::forget_name() {
  explicit_bzero(name_.data(), name_.size());
  length_ = 0;
}

void AuthUser::learn(std::string_view base64) {
  const Expect expected = expect_;
  expect_ = Expect::kNothing;
  switch (expected) {
    case Expect::kNothing:
      return;
    case Expect::kLoginName:
      return decode_base64(base64, [this](char octet) { return add(octet), true; });
    case Expect::kPlain:
      return learn_plain(base64);
    case Expect::kOauth:
      return learn_oauth(base64);
  }
}

// authzid NUL authcid NUL password (RFC 4616). The authorization identity stands in when there is
// no authentication identity.
void AuthUser::learn_plain(std::string_view base64) {
  bool in_authcid = false;
  uint8_t authzid_length = 0;
  decode_base64(base64, [&](char octet) {
    if (octet != '\0') return add(octet), true;
    if (in_authcid) return false;
    in_authcid = true;
    authzid_length = length_;
    length_ = 0;
    return true;
  });
  // Without the first NUL it was not PLAIN's form: nothing of it is kept, as it may be a password.
  if (!in_authcid) forget_name();
  if (in_authcid && length_ == 0) length_ = authzid_length;
}

// "user=" name ^A "auth=Bearer " token ^A ^A.
void AuthUser::learn_oauth(std::string_view base64) {
  constexpr std::string_view kPrefix = "user=";
  size_t at = 0;
  bool ended = false;
  decode_base64(base64, [&](char octet) {
    if (at < kPrefix.size()) return octet == kPrefix[at++];
    ended = octet == '\1';
    if (!ended) add(octet);
    return !ended;
  });
  if (!ended) forget_name();
}

void AuthUser::end(uint16_t code) {
  expect_ = Expect::kNothing;
  if (accepted_) return;
  accepted_ = code == 235;
  if (accepted_) {
    result_ = AuthResult::kAccepted;
    return;
  }
  forget_name();
  result_ = cancelled_ ? AuthResult::kCancelled : AuthResult::kRefused;
  // 500 to 504 are about the command: its form, its place, a mechanism that the server lacks.
  const bool form = code >= 500 && code <= 504;
  if (!cancelled_ && !form && failures_ < UINT16_MAX) ++failures_;
}

}  // namespace postern::smtp
