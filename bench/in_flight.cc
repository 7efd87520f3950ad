#include "bench/in_flight.h"

#include <fmt/format.h>
#include <malloc.h>

#include <memory>

#include "bench/conversation.h"
#include "bench/resident.h"
#include "bench/standing.h"
#include "dataplane/packet/heap_frames.h"

namespace postern::bench {

namespace {

constexpr uint32_t kSpare = 64;      // of each thing a worker has: no host meets its share
constexpr uint32_t kRecordings = 8;  // different messages

// A worker with what stands in it.
class Worker : public worker::Transmitter {
 public:
  ~Worker() override {
    if (pipeline_) pipeline_->clear(now_);
  }
  std::expected<void, std::string> fill(const std::vector<Conversation>& recordings,
                                        const InFlight& in_flight,
                                        std::shared_ptr<const scan::SignatureSet> set,
                                        scan::MessageScan::Scratch* scratch) {
    const bool with_message = in_flight.octets > 0;
    worker::PipelineConfig config;
    config.flows = in_flight.connections + kSpare;
    config.transactions = config.messages_in_flight =
        kSpare + (with_message ? in_flight.connections : 0);
    config.idle_timeout_s = 1'000'000;
    auto made = worker::Pipeline::create(config, &frames_, &verdicts_, &events_, this, &counters_);
    if (!made) return std::unexpected(made.error());
    pipeline_ = std::move(*made);
    pipeline_->use_signature_set(std::move(set), 1, scratch);
    auto stood = stand(recordings, {.count = in_flight.connections}, frames_, *pipeline_, now_);
    if (!stood) return stood;
    const uint32_t must = with_message ? in_flight.connections : 0;
    if (pipeline_->messages_in_flight() == must && frames_.in_use() == 0) return {};
    return std::unexpected(fmt::format("{} messages are under way, but must be {}; {} frames held",
                                       pipeline_->messages_in_flight(), must, frames_.in_use()));
  }
  void send(packet::Frame* frame, packet::Side) override { frames_.release(frame); }

 private:
  packet::HeapFrames frames_{256};
  verdict::StaticVerdicts verdicts_;
  EventRing events_;
  Counters counters_;
  std::unique_ptr<worker::Pipeline> pipeline_;
  Now now_{.monotonic_us = 1'000'000, .wall_us = 1'700'000'000'000'000};
};

}  // namespace

std::expected<double, std::string> resident_each(const std::vector<Message>& messages,
                                                 const InFlight& in_flight,
                                                 std::shared_ptr<const scan::SignatureSet> set,
                                                 scan::MessageScan::Scratch* scratch) {
  auto recorder = Recorder::create(set, scratch);
  if (!recorder) return std::unexpected(recorder.error());
  std::vector<Conversation> recordings;
  for (const Message& message : messages) {
    const bool with_message = in_flight.octets > 0;
    if (recordings.size() == (with_message ? kRecordings : 1)) break;
    if (with_message && as_data(message.octets).size() <= in_flight.octets) continue;
    auto recorded =
        (*recorder)->record_unfinished(with_message ? &message : nullptr, in_flight.octets);
    if (!recorded) return std::unexpected(recorded.error());
    recordings.push_back(std::move(*recorded));
  }
  if (recordings.empty()) {
    return std::unexpected(fmt::format("no message has more than {} octets", in_flight.octets));
  }
  // What was given back before is the kernel's again; both stay until the end, so that the second
  // takes nothing that the first gave back.
  const InFlight sizes[] = {{in_flight.connections / 10, in_flight.octets}, in_flight};
  malloc_trim(0);
  Worker workers[2];
  double taken[2];
  for (size_t i = 0; i < 2; ++i) {
    const uint64_t before = resident_bytes();
    auto filled = workers[i].fill(recordings, sizes[i], set, scratch);
    if (!filled) return std::unexpected(filled.error());
    taken[i] = static_cast<double>(resident_bytes()) - static_cast<double>(before);
  }
  return (taken[1] - taken[0]) / (sizes[1].connections - sizes[0].connections);
}

}  // namespace postern::bench
