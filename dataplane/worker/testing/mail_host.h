// A model of a mail server's host: the life of its TCP connections and just enough SMTP.
//
// Theory of operation. One connection at a time, passive opens only. The segments of a connection
// go to four receivers: both overlap policies, each as Linux has it and as a lenient host might.
// One of them is the host's own: it acknowledges, and its application answers. The others are hosts
// that might have stood in its place; they share its connections and read for themselves. The host
// is honest: it says only what RFC 9293 and RFC 5321 have it say.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/worker/testing/choices.h"
#include "dataplane/worker/testing/receiver.h"
#include "dataplane/worker/testing/segment.h"

namespace postern::worker::testing {

class MailHost {
 public:
  static constexpr uint8_t kHopsAway = 5;  // a segment with fewer never arrives
  // What carries a message's text: DATA's or one chunk's.
  enum class Text : uint8_t { kNone, kLines, kChunk };
  enum class State : uint8_t { kListening, kSynReceived, kEstablished };

  explicit MailHost(Choices& choices);

  void receive(const Segment& segment, bool checksums_right);
  // Acknowledges, with whatever the application has to say.
  void speak();
  // The retransmission timer ran out.
  void repeat();
  // Gives an unfinished handshake up.
  void give_up_opening();

  State state() const { return state_; }
  uint32_t connections() const { return connections_; }
  uint32_t resets_sent() const { return resets_sent_; }
  const std::array<Receiver, 4>& receivers() const { return receivers_; }
  const Receiver& own() const { return receivers_[own_]; }
  // From where in every receiver's stream the text runs.
  Text text() const { return text_; }
  size_t text_at() const { return text_at_; }
  size_t chunk_size() const { return chunk_size_; }
  // The message that the application behind this receiver would have by now.
  std::optional<std::string_view> delivered(const Receiver& receiver) const;

  uint16_t window = 65535;        // announced
  std::vector<Segment> outgoing;  // towards the client; the session takes them

 private:
  void open(const Segment& syn, bool checksums_right);
  void opening(const Segment& segment, bool checksums_right);
  void established(const Segment& segment, bool checksums_right, bool counts);
  bool acknowledgement_makes_sense(const Segment& segment);
  void end();
  void answer_syn();
  void refuse(const Segment& segment);
  void progress();
  void obey(std::string_view line);
  Segment segment(packet::SeqNum seq, uint8_t flags);

  Choices& choices_;
  bool challenges_;  // RFC 5961 (as Linux), or RST and SYN as in RFC 793
  size_t own_;
  std::array<Habits, 4> habits_;
  std::array<Receiver, 4> receivers_;
  State state_ = State::kListening;
  uint32_t connections_ = 0, resets_sent_ = 0;
  packet::SeqNum their_initial_, our_initial_;
  bool timestamps_ = false;
  uint32_t clock_ = 0, echo_ = 0;
  std::string said_;
  size_t sent_ = 0, acknowledged_ = 0;
  bool closing_ = false;
  size_t read_up_to_ = 0;  // by the application
  Text text_ = Text::kNone;
  bool in_text_ = false;
  size_t text_at_ = 0, chunk_size_ = 0;
};

}  // namespace postern::worker::testing
