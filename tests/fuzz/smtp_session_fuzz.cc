// Both directions of an SMTP connection, cut at random. The input is a byte of choices, then a list
// of turns: a byte whose lowest bit says who speaks, a length byte, then the text. It is played
// whole and in pieces; the recorder aborts when calls come in a wrong order.
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

struct Choices {
  explicit Choices(uint8_t byte)
      : refuse_dubious(byte & 1), refuse_envelopes(byte & 2), mask_starttls(byte & 4) {}
  bool refuse_dubious, refuse_envelopes, mask_starttls;
};

struct Outcome {
  std::string log;
  std::string passed;
  std::string heard;
  postern::smtp::Step step;
};

// The server's text in pieces never shows the whole keyword either.
void check_masked(const std::vector<Turn>& turns) {
  postern::smtp::Recorder recorder;
  postern::smtp::Dialogue dialogue(&recorder);
  dialogue.session.mask_starttls(true);
  dialogue.play({postern::smtp::S("220 a\r\n"), postern::smtp::C("EHLO a\r\n")});
  std::string said;
  for (const Turn& turn : turns) {
    if (turn.speaker != Turn::Speaker::kServer || !dialogue.session.may_rewrite()) continue;
    const size_t before = dialogue.heard.size();
    dialogue.play(turn, [] { return size_t{3}; });
    // Of what answered EHLO; behind it nothing is masked.
    if (!dialogue.session.may_rewrite()) break;
    said += dialogue.heard.substr(before);
  }
  for (size_t line = 0; line < said.size(); line = said.find('\n', line) + 1) {
    if (said.compare(line, 12, "250-STARTTLS") == 0) __builtin_trap();
    if (said.find('\n', line) == said.npos) break;
  }
}

// `longest`: of the client's segments. Replies come whole: whether held bytes pass before or after
// a later reply is a matter of timing, not of segments.
Outcome play(const std::vector<Turn>& turns, const Choices& choices, size_t longest) {
  postern::smtp::Recorder recorder;
  recorder.refuse_containing = "S";
  recorder.refuse_dubious = choices.refuse_dubious;
  if (choices.refuse_envelopes) recorder.refuse_address = "b";
  postern::smtp::Dialogue dialogue(&recorder);
  dialogue.session.mask_starttls(choices.mask_starttls);
  uint32_t seed = 1;
  for (const Turn& turn : turns) {
    const bool server = turn.speaker == Turn::Speaker::kServer;
    dialogue.play(turn, [&] {
      seed = seed * 1664525 + 1013904223;
      return server ? turn.text.size() : 1 + (seed >> 24) % longest;
    });
  }
  dialogue.session.close();
  return {recorder.log, dialogue.passed, dialogue.heard, dialogue.step};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const Choices choices(data[0]);
  const std::vector<Turn> turns = read_turns(data + 1, size - 1);
  const Outcome whole = play(turns, choices, 256);
  const Outcome pieces = play(turns, choices, 7);
  const Outcome octets = play(turns, choices, 1);
  for (const Outcome* cut : {&whole, &pieces}) {
    // Of an end or a line that may not pass, more has passed the smaller the segments were; never
    // its last octet.
    const bool same_passed = cut->step == postern::smtp::Step::kContinue
                                 ? octets.passed == cut->passed
                                 : octets.passed.compare(0, cut->passed.size(), cut->passed) == 0;
    if (cut->step == octets.step && cut->log == octets.log && cut->heard == octets.heard &&
        same_passed) {
      continue;
    }
    std::fprintf(stderr, "in pieces:\n%s\nin octets:\n%s\n", cut->log.c_str(), octets.log.c_str());
    __builtin_trap();
  }
  check_masked(turns);
  return 0;
}
