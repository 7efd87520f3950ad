#include "dataplane/mime/base64.h"

#include <array>
#include <string_view>

namespace postern::mime {
namespace {

constexpr uint8_t kSkip = 0x80;  // white space
constexpr uint8_t kPad = 0x81;
constexpr uint8_t kJunk = 0x82;

constexpr std::array<uint8_t, 256> make_sextets() {
  std::array<uint8_t, 256> table{};
  for (auto& entry : table) entry = kJunk;
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<uint8_t>(alphabet[i])] = static_cast<uint8_t>(i);
  }
  for (char c : {' ', '\t', '\r', '\n', '\v', '\f'}) table[static_cast<uint8_t>(c)] = kSkip;
  table['='] = kPad;
  return table;
}
constexpr std::array<uint8_t, 256> kSextets = make_sextets();

// Whole groups at the start of [in, end): writes their bytes and advances both pointers.
void decode_run(const uint8_t*& in, const uint8_t* end, uint8_t*& out) {
  while (end - in >= 4) {
    const uint8_t a = kSextets[in[0]], b = kSextets[in[1]], c = kSextets[in[2]],
                  d = kSextets[in[3]];
    if ((a | b | c | d) & 0x80) return;
    out[0] = static_cast<uint8_t>(a << 2 | b >> 4);
    out[1] = static_cast<uint8_t>(b << 4 | c >> 2);
    out[2] = static_cast<uint8_t>(c << 6 | d);
    in += 4;
    out += 3;
  }
}

}  // namespace

void Base64Decoder::begin() { *this = {}; }

size_t Base64Decoder::flush_group(uint8_t* out) {
  size_t written = 0;
  if (held_ == 2) {
    out[written++] = static_cast<uint8_t>(group_ >> 4);
  } else if (held_ == 3) {
    out[written++] = static_cast<uint8_t>(group_ >> 10);
    out[written++] = static_cast<uint8_t>(group_ >> 2);
  } else if (held_ == 1) {
    damaged_ = true;  // six bits make no byte
  }
  held_ = 0;
  group_ = 0;
  return written;
}

size_t Base64Decoder::decode(std::span<const uint8_t> in, uint8_t* out) {
  const uint8_t* p = in.data();
  const uint8_t* const end = p + in.size();
  uint8_t* const begin = out;
  while (p < end) {
    if (held_ == 0 && !padded_) decode_run(p, end, out);
    if (p == end) break;
    const uint8_t value = kSextets[*p++];
    if (value < 64) {
      if (padded_) {
        damaged_ = true;
        padded_ = false;
      }
      group_ = group_ << 6 | value;
      if (++held_ == 4) {
        *out++ = static_cast<uint8_t>(group_ >> 16);
        *out++ = static_cast<uint8_t>(group_ >> 8);
        *out++ = static_cast<uint8_t>(group_);
        held_ = 0;
        group_ = 0;
      }
    } else if (value == kPad) {
      if (held_ == 0 && !padded_) damaged_ = true;
      if (held_ > 0) out += flush_group(out);
      padded_ = true;
    } else if (value == kJunk) {
      damaged_ = true;
    }
  }
  return static_cast<size_t>(out - begin);
}

size_t Base64Decoder::finish(uint8_t* out) { return flush_group(out); }

}  // namespace postern::mime
