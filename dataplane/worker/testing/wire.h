// A pipeline between two hosts that exist only in a test: packets in, packets out.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/packet/testing/builder.h"
#include "dataplane/scan/testing/literal_scan.h"
#include "dataplane/verdict/narrow_blocks.h"
#include "dataplane/verdict/static_verdicts.h"
#include "dataplane/worker/pipeline.h"

namespace postern::worker::testing {

using packet::Side;
using packet::testing::Packet;
using packet::testing::Seen;

// What left, and by which side.
struct Sent {
  Side out;
  Seen segment;
  std::optional<packet::Timestamps> timestamps;
  bool operator==(const Sent& other) const { return out == other.out && segment == other.segment; }
};
inline void PrintTo(const Sent& sent, std::ostream* out) {
  *out << (sent.out == Side::kInside ? "to the client: " : "to the server: ")
       << packet::testing::to_text(sent.segment);
}

// What goes on unchanged.
inline std::vector<Sent> as_sent(const Packet& packet, Side out) {
  return {{.out = out,
           .segment = Seen{packet.from, packet.to, packet.seq, packet.ack, packet.flags,
                           packet.payload, true},
           .timestamps = {}}};
}

// Messages with their end, of which the stand-in scanner refuses one.
inline constexpr char kHam[] = "Subject: hi\r\n\r\nordinary text\r\n.\r\n";
inline constexpr char kSpam[] = "Subject: hi\r\n\r\nSPAM-HERE\r\n.\r\n";

// Collects events; `capacity` of them may wait, and of header samples `samples_left` more.
class CollectedEvents : public EventSink {
 public:
  HeaderSample* reserve_sample() override {
    if (samples_left == 0) return nullptr;
    --samples_left;
    return &samples_.emplace_back();
  }
  Event* reserve() override { return events.size() < capacity ? &pending_ : nullptr; }
  void publish(Event* event) override { events.push_back(*event); }
  std::vector<Event> events;
  size_t capacity = 1000;
  size_t samples_left = 1000;

 private:
  Event pending_;
  std::deque<HeaderSample> samples_;  // where events point to
};

// The verdict that the test says, on everybody but those for whom it has another.
class OneVerdict : public verdict::VerdictSource {
 public:
  verdict::Verdict lookup(const IpAddress& address, uint64_t) const override {
    const auto other = others.find(address);
    return other != others.end() ? other->second : verdict;
  }
  const verdict::NarrowBlocks* narrow() const override { return &blocks; }
  // A block on a part of 192.0.2.7, who is the client of a Dialogue.
  void block(std::string_view part, verdict::Treatment treatment = verdict::Treatment::kRefuse) {
    const auto present = blocks.all();
    std::vector<verdict::NarrowVerdict> all(present.begin(), present.end());
    all.push_back({*IpPrefix::parse("192.0.2.7"), *SenderPart::parse(part), treatment,
                   CaseReference{all.size() + 33}, 0});
    blocks = verdict::NarrowBlocks::of(std::move(all));
  }
  verdict::Entry entry(const IpAddress& source, const IpAddress& destination,
                       uint64_t wall_s) const override {
    return guard.entry(source, destination, wall_s);
  }
  verdict::Verdict verdict;
  std::map<IpAddress, verdict::Verdict> others;
  verdict::NarrowBlocks blocks;
  verdict::StaticVerdicts guard;  // of the inbound guard's two switches only
};

class Wire : public Transmitter {
 public:
  explicit Wire(const PipelineConfig& config = small(), Observer* observer = nullptr);
  ~Wire() override;
  // A pipeline small enough to be made for every test.
  static PipelineConfig small();

  void send(packet::Frame* frame, Side out) override;

  // Hands the packet to the pipeline and returns what left because of it.
  std::vector<Sent> from_client(const Packet& packet) { return in(packet, Side::kInside); }
  std::vector<Sent> from_server(const Packet& packet) { return in(packet, Side::kOutside); }
  std::vector<Sent> in(const Packet& packet, Side side) { return in_bytes(packet.bytes(), side); }
  std::vector<Sent> in_bytes(std::span<const uint8_t> frame, Side side);
  // All of one burst.
  std::vector<Sent> in_burst(const std::vector<Packet>& packets, Side side);
  // When set, takes each frame that leaves (and looks at it only during the call): nothing is then
  // returned by the calls above.
  std::function<void(packet::Frame&, Side out)> tap;
  // Lets time pass; returns what left meanwhile.
  std::vector<Sent> wait(uint64_t milliseconds);

  packet::HeapFrames frames{512};
  OneVerdict verdicts;
  CollectedEvents events;
  Counters counters;
  Now now{.monotonic_us = 1'000'000, .wall_us = 1'700'000'000'000'000};
  std::unique_ptr<Pipeline> pipeline;

 private:
  std::vector<Sent> sent_;
};

// One SMTP connection across a Wire, with both ends' sequence numbers kept. Lossless unless the
// test sends packets by hand.
class Dialogue {
 public:
  explicit Dialogue(Wire& wire, uint16_t client_port = 40000, uint32_t client_initial = 1000,
                    uint32_t server_initial = 5000);
  // The handshake; and after it greeting and HELO; and MAIL and RCPT.
  void open();
  void until_mail();
  void until_recipient();
  // Handshake, greeting, EHLO, MAIL, RCPT, DATA up to the 354, pipelined.
  void until_data();
  // Packets as each end would send them now; client() and server() also send them.
  Packet client_packet(std::string payload, uint8_t flags = packet::kAck | packet::kPsh);
  Packet server_packet(std::string payload, uint8_t flags = packet::kAck | packet::kPsh);
  std::vector<Sent> client(std::string payload, uint8_t flags = packet::kAck | packet::kPsh);
  std::vector<Sent> server(std::string payload, uint8_t flags = packet::kAck | packet::kPsh);

  Wire& wire;
  std::string client_name, server_name = "198.51.100.1:25";
  uint32_t client_next, server_next;  // next sequence numbers of each end
  std::optional<packet::Timestamps> timestamps;
};

}  // namespace postern::worker::testing
