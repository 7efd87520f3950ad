// A random session: a client that tries everything, a mail host, and the pipeline between them.
//
// Theory of operation. The client opens a connection properly enough to come to a message's text;
// there it has three copies of what follows, with other octets at every place, and sends pieces of
// them in every arrangement. The host is honest; the network loses, delays and repeats on both
// sides of the pipeline. After each frame the referee compares what was read with what was
// scanned. All decisions are Choices: the model test draws them from a seed, the fuzzer from its
// input.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "dataplane/worker/testing/mail_host.h"
#include "dataplane/worker/testing/oddities.h"
#include "dataplane/worker/testing/referee.h"
#include "dataplane/worker/testing/segment.h"
#include "dataplane/worker/testing/wire.h"

namespace postern::worker::testing {

class Adversary {
 public:
  Adversary(Wire& wire, Referee& referee, Choices& choices, OddityCounts& counts);
  ~Adversary();
  // Plays the session to its end, on a pipeline without flows, and leaves it so. What is wrong, or
  // nothing.
  std::string run();
  // The client's port: another one for each session on a pipeline, which may remember connections.
  uint16_t client_port = 40000;
  // Prints every segment on its way.
  bool verbose = false;

 private:
  // adversary.cc: the session.
  void choose_hosts();
  void choose_copies();
  bool connect();
  void open(bool again);
  void foreign_syn();
  bool reach_text();
  bool converse(uint32_t offset, uint32_t length, bool expects_reply);
  void attack();
  void settle();
  void relay_server();
  void carry(const Segment& segment, Side from);
  void put(const Segment& segment, bool from_client, Side side);
  void deliver();
  void client_receives(const Segment& segment);
  void pass(uint64_t milliseconds);
  void show(const char* where, const Segment& segment) const;
  void blame(std::string wrong);

  // adversary_steps.cc: the odd things.
  void step();
  Segment data(uint32_t offset, uint32_t length, uint32_t copy) const;
  void send(Segment segment);
  void spoil(Segment& segment);
  void send_next();
  void send_ahead();
  void send_overlap();
  void send_changed();
  void send_resegmented();
  void send_bytes_singly();
  void send_keep_alive();
  void turn_window();
  void send_finish();
  void send_after_finish();
  void send_reset();
  void send_syn();
  void forge_server();
  void replay();
  void replay_server();
  void let_time_pass();
  void release_late();
  void reconnect();

  packet::SeqNum number(uint32_t offset) const { return initial_ + 1 + offset; }
  uint32_t any_copy() { return choices_.below(3); }
  uint32_t length() const { return static_cast<uint32_t>(copies_[0].size()); }
  void count(Oddity oddity) { counts_.add(oddity); }
  bool chance(uint32_t n, Oddity oddity);

  Wire& wire_;
  Referee& referee_;
  Choices& choices_;
  OddityCounts& counts_;
  Path path_;
  MailHost host_;
  std::string wrong_;

  packet::SeqNum initial_;
  bool timestamps_ = false, lines_ = true;
  uint32_t clock_ = 1000;
  uint32_t preamble_ = 0;  // octets before the text
  std::array<std::string, 3> copies_;
  uint32_t sent_ = 0;          // offset behind the highest octet sent
  uint32_t acknowledged_ = 0;  // by the server, as far as the client knows
  bool opened_ = false;        // the server has answered the SYN
  bool saw_reset_ = false;
  std::optional<uint32_t> finish_at_;
  packet::SeqNum server_next_;

  struct Range {
    uint32_t begin, end;
  };
  std::vector<Range> ranges_;  // sent lately
  std::vector<Segment> client_log_, server_log_;
  struct Late {
    Segment segment;
    bool right;
  };
  std::vector<Late> late_;           // between us and the server
  std::vector<Segment> on_the_way_;  // between the server and us
  struct Left {
    Path::Arrived arrived;
    Side out;
  };
  std::vector<Left> left_;
  bool impaired_ = false;
};

}  // namespace postern::worker::testing
