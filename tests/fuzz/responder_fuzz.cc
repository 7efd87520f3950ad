// A client of the responder: the first byte is the mode, the rest is what it says, cut at random.
// Whatever it says, it is answered with whole reply lines, at most twelve of them, and no mail is
// taken.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/smtp/responder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using postern::smtp::Responder;
  if (size < 2) return 0;
  static const postern::smtp::ReplyTexts texts("gate.example");
  Responder responder;
  responder.begin(static_cast<Responder::Mode>(data[0] % 3), &texts, {}, {});
  uint32_t seed = data[1];
  data += 2, size -= 2;
  std::vector<char> out(postern::smtp::kReplyLineBytes);
  Responder::Answer answer = responder.open(out);
  std::string said(out.data(), answer.written);
  while (size > 0 && !answer.close) {
    seed = seed * 1664525 + 1013904223;
    const size_t length = 1 + (seed >> 24) % size;
    const std::vector<uint8_t> bytes(data, data + length);
    answer = responder.client_bytes(bytes, out);
    if (answer.consumed > length || answer.written > out.size()) __builtin_trap();
    // One reply fits and so one line is read: anything else would loop for ever.
    if (answer.consumed == 0) __builtin_trap();
    said.append(out.data(), answer.written);
    data += answer.consumed, size -= answer.consumed;
  }
  size_t lines = 0;
  for (std::string_view rest = said; !rest.empty(); ++lines) {
    const size_t end = rest.find("\r\n");
    if (end == rest.npos || end < 4 || rest[3] != ' ') __builtin_trap();
    if (rest.substr(0, 3) == "354" || rest[0] < '2' || rest[0] > '5') __builtin_trap();
    rest.remove_prefix(end + 2);
  }
  if (lines > 12) __builtin_trap();
  return 0;
}
