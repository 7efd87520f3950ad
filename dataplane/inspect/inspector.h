// The data plane as an offline reader: frames of a capture in, one JSON event per transaction and
// per connection out.
//
// Theory of operation. Every frame goes through the same worker::Pipeline that stands on the wire,
// set to observe only: a capture is what really passed, so nothing is refused, and where segments
// overlap with different content the first copy is read. The side that sent the SYN is the client.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "dataplane/counters.h"
#include "dataplane/inspect/capture_frames.h"
#include "dataplane/inspect/message_record.h"
#include "dataplane/packet/parse.h"
#include "dataplane/scan/scanner.h"
#include "dataplane/verdict/static_verdicts.h"
#include "dataplane/worker/pipeline.h"

namespace postern::inspect {

struct InspectOptions {
  std::vector<uint16_t> ports{25, 587};
  // Off for captures taken on a sending host, whose network card fills checksums in later.
  bool verify_checksums = true;
  std::shared_ptr<const scan::SignatureSet> signatures;  // null: nothing is scored
};

class Inspector : private worker::Transmitter, private worker::Observer, private worker::EventSink {
 public:
  // `emit` is given each event as it is complete, from within packet() and finish().
  using Emit = std::function<void(const nlohmann::ordered_json&)>;
  static std::expected<std::unique_ptr<Inspector>, std::string> create(
      const InspectOptions& options, Emit emit);
  ~Inspector() override;

  // The next Ethernet frame of the capture.
  void packet(std::span<const uint8_t> frame, uint64_t wall_us);
  // The capture is over: what is still open ends here. Once.
  void finish();
  const Counters& counters() const { return counters_; }

 private:
  using ConnectionName = std::string;  // both endpoints, the lower first
  using Tally = std::map<std::string_view, uint64_t>;

  Inspector(const InspectOptions& options, Emit emit) : options_(options), emit_(std::move(emit)) {}
  packet::Side side_of(const packet::TcpPacket& tcp);
  void tally(const packet::TcpPacket& tcp, const Counters& before);

  void send(packet::Frame* frame, packet::Side out) override;
  mime::RenderSink* message_begin(const smtp::Transaction& transaction) override;
  void message_bytes(const smtp::Transaction& transaction, std::span<const uint8_t> bytes) override;
  void transaction_over(const worker::Event& event, const smtp::Transaction& transaction) override;
  void session_over(const worker::Flow& flow, const Now& now) override;
  worker::Event* reserve() override { return &event_; }
  void publish(worker::Event*) override {}

  InspectOptions options_;
  Emit emit_;
  CaptureFrames frames_;
  verdict::StaticVerdicts verdicts_;
  Counters counters_;
  scan::MessageScan::Scratch scratch_;
  std::unique_ptr<worker::Pipeline> pipeline_;
  worker::Event event_;
  Now now_;
  std::map<const smtp::Transaction*, std::unique_ptr<MessageRecord>> messages_;
  std::map<ConnectionName, Tally> tallies_;  // what TCP had to say of each connection
  std::set<ConnectionName> openers_;         // of connections between two mail ports
};

}  // namespace postern::inspect
