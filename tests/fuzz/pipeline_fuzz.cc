// Frames into a whole worker: an SMTP connection is opened up to its message, then the input plays
// both ends. Each step of the input is a header of 8 octets and payload: who sends, where in
// sequence, which flags, how long, how much of a raw frame to damage. Whatever comes: no crash,
// every frame given back, and the server never reads the end of a message that was refused.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <span>
#include <string>

#include "dataplane/worker/testing/wire.h"

namespace {

using postern::packet::Side;
using postern::worker::testing::Dialogue;
using postern::worker::testing::Packet;
using postern::worker::testing::Sent;
using postern::worker::testing::Wire;

// What the server's application reads, the first copy winning.
struct Server {
  uint32_t next;
  std::map<uint32_t, char> waiting;
  std::string read;
  void receive(uint32_t seq, const std::string& payload) {
    for (size_t i = 0; i < payload.size(); ++i) {
      const uint32_t at = seq + static_cast<uint32_t>(i);
      if (static_cast<int32_t>(at - next) >= 0) waiting.emplace(at, payload[i]);
    }
    for (auto it = waiting.find(next); it != waiting.end(); it = waiting.find(next)) {
      read += it->second;
      waiting.erase(it);
      ++next;
    }
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Wire wire;
  {
    Dialogue dialogue(wire);
    dialogue.until_data();
    Server server{.next = dialogue.client_next, .waiting = {}, .read = {}};
    const uint32_t client_base = dialogue.client_next, server_base = dialogue.server_next;
    std::span<const uint8_t> input(data, size);
    const auto take_in = [&](const std::vector<Sent>& sent, bool damaged = false) {
      for (const Sent& s : sent) {
        // Damage can turn a frame into one that is not mail: it leaves as it came.
        if (!damaged && !s.segment.checksums_right) std::abort();
        if (s.out == Side::kOutside && s.segment.from == dialogue.client_name) {
          server.receive(s.segment.seq, s.segment.payload);
        }
      }
    };
    for (int steps = 0; input.size() >= 8 && steps < 64; ++steps) {
      const uint8_t* h = input.data();
      const size_t length = std::min<size_t>(h[3] % 64, input.size() - 8);
      Packet packet = (h[0] & 1) ? dialogue.server_packet("", h[1] & 0x3f)
                                 : dialogue.client_packet("", h[1] & 0x3f);
      packet.seq = ((h[0] & 1) ? server_base : client_base) + h[2] - 8u;
      packet.ack = ((h[0] & 1) ? server.next : server_base + h[4]);
      packet.payload.assign(reinterpret_cast<const char*>(h + 8), length);
      const Side side = (h[0] & 2) ? Side::kInside : ((h[0] & 1) ? Side::kOutside : Side::kInside);
      if (h[0] & 4) {
        // A damaged frame: one octet anywhere is another.
        auto bytes = packet.bytes();
        bytes[h[5] % bytes.size()] ^= h[6];
        take_in(wire.in_bytes(bytes, side), true);
      } else {
        take_in(wire.in(packet, side));
      }
      if (h[0] & 8) take_in(wire.wait(h[7] * 100));
      input = input.subspan(8 + length);
    }
    // SPAM-HERE before an end of data: the end must not have been read.
    const size_t spam = server.read.find("SPAM-HERE");
    if (spam != std::string::npos &&
        wire.counters.get(postern::Counter::kMessagesRefusedContent) > 0 &&
        wire.counters.get(postern::Counter::kMessagesSeen) == 1 &&
        server.read.find("\r\n.\r\n", spam) != std::string::npos) {
      std::abort();
    }
  }
  wire.pipeline->clear(wire.now);
  if (wire.frames.in_use() != 0) std::abort();
  return 0;
}
