// Both directions of an SMTP connection, cut at random. The input is a list of turns: a byte whose
// lowest bit says who speaks, a length byte, then the text. It is played twice, whole and in
// pieces; the recorder aborts when calls come in a wrong order.
#include <cstdio>

#include "dataplane/smtp/dialogue.h"

namespace {

using postern::smtp::Turn;

std::vector<Turn> read_turns(const uint8_t* data, size_t size) {
  std::vector<Turn> turns;
  while (size >= 2) {
    const size_t length = std::min<size_t>(data[1], size - 2);
    const auto speaker = data[0] & 1 ? Turn::Speaker::kServer : Turn::Speaker::kClient;
    turns.push_back({speaker, std::string(reinterpret_cast<const char*>(data) + 2, length)});
    data += 2 + length;
    size -= 2 + length;
  }
  return turns;
}

struct Outcome {
  std::string log;
  std::string passed;
  postern::smtp::Step step;
};

// `longest`: of the client's segments. Replies come whole: whether held bytes pass before or after
// a later reply is a matter of timing, not of segments.
Outcome play(const std::vector<Turn>& turns, bool refuse_dubious, size_t longest) {
  postern::smtp::Recorder recorder;
  recorder.refuse_containing = "S";
  recorder.refuse_dubious = refuse_dubious;
  postern::smtp::Dialogue dialogue(&recorder);
  uint32_t seed = 1;
  for (const Turn& turn : turns) {
    const bool server = turn.speaker == Turn::Speaker::kServer;
    dialogue.play(turn, [&] {
      seed = seed * 1664525 + 1013904223;
      return server ? turn.text.size() : 1 + (seed >> 24) % longest;
    });
  }
  dialogue.session.close();
  return {recorder.log, dialogue.passed, dialogue.step};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const bool refuse_dubious = data[0] & 1;
  const std::vector<Turn> turns = read_turns(data + 1, size - 1);
  const Outcome whole = play(turns, refuse_dubious, 256);
  const Outcome pieces = play(turns, refuse_dubious, 7);
  const Outcome octets = play(turns, refuse_dubious, 1);
  for (const Outcome* cut : {&whole, &pieces}) {
    // Of an end or a line that may not pass, more has passed the smaller the segments were; never
    // its last octet.
    const bool same_passed = cut->step == postern::smtp::Step::kContinue
                                 ? octets.passed == cut->passed
                                 : octets.passed.compare(0, cut->passed.size(), cut->passed) == 0;
    if (cut->step == octets.step && cut->log == octets.log && same_passed) continue;
    std::fprintf(stderr, "in pieces:\n%s\nin octets:\n%s\n", cut->log.c_str(), octets.log.c_str());
    __builtin_trap();
  }
  return 0;
}
