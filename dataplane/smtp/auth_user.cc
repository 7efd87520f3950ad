#include "dataplane/smtp/auth_user.h"

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
  // A second AUTH after a success is an error (RFC 4954 4): the first name stays.
  if (accepted_) return;
  length_ = 0;
  const size_t blank = argument.find_first_of(" \t");
  const std::string_view mechanism = argument.substr(0, blank);
  if (equals_upper(mechanism, "PLAIN")) expect_ = Expect::kPlain;
  if (equals_upper(mechanism, "LOGIN")) expect_ = Expect::kLoginName;
  if (blank == std::string_view::npos) return;
  const size_t response = argument.find_first_not_of(" \t", blank);
  if (response != std::string_view::npos) learn(argument.substr(response));
}

void AuthUser::continuation(std::string_view line) { learn(line); }

void AuthUser::learn(std::string_view base64) {
  const Expect expected = expect_;
  expect_ = Expect::kNothing;
  if (expected == Expect::kLoginName) {
    decode_base64(base64, [this](char octet) {
      if (length_ < name_.size()) name_[length_++] = octet;
      return true;
    });
  } else if (expected == Expect::kPlain) {
    // authzid NUL authcid NUL password (RFC 4616). The authorization identity stands in when there
    // is no authentication identity.
    bool in_authcid = false;
    uint8_t authzid_length = 0;
    decode_base64(base64, [&](char octet) {
      if (octet == '\0') {
        if (in_authcid) return false;
        in_authcid = true;
        authzid_length = length_;
        length_ = 0;
      } else if (length_ < name_.size()) {
        name_[length_++] = octet;
      }
      return true;
    });
    // Without the first NUL it was not PLAIN's form: nothing of it is kept, as it may be a
    // password.
    if (!in_authcid) length_ = 0;
    if (in_authcid && length_ == 0) length_ = authzid_length;
  }
}

void AuthUser::end(bool accepted) {
  expect_ = Expect::kNothing;
  if (accepted_) return;
  accepted_ = accepted;
  if (!accepted) length_ = 0;
}

}  // namespace postern::smtp
