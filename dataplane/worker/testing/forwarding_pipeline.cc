// A pipeline that forwards every frame: what tests of the loop, the distributor and the ports put
// in the place of the real one by linking it.
#include "dataplane/worker/pipeline.h"

namespace postern::worker {

struct Pipeline::Impl {
  Transmitter* transmitter;
  Counters* counters;
};

Pipeline::Pipeline() = default;
Pipeline::~Pipeline() = default;

std::expected<std::unique_ptr<Pipeline>, std::string> Pipeline::create(
    const PipelineConfig&, packet::FrameSource*, const verdict::VerdictSource*, EventSink*,
    Transmitter* transmitter, Counters* counters, Observer*) {
  std::unique_ptr<Pipeline> pipeline(new Pipeline);
  pipeline->impl_ = std::make_unique<Impl>(transmitter, counters);
  return pipeline;
}

void Pipeline::use_signature_set(std::shared_ptr<const scan::SignatureSet>, uint64_t,
                                 scan::MessageScan::Scratch*,
                                 std::shared_ptr<const scan::SignatureSet>) {}

void Pipeline::process(std::span<packet::Frame* const> frames, packet::Side arrived, const Now&) {
  for (packet::Frame* frame : frames) {
    impl_->counters->add(Counter::kFramesIn);
    impl_->counters->add(Counter::kBytesIn, frame->length);
    impl_->counters->add(Counter::kFramesNotMail);
    impl_->transmitter->send(frame, packet::opposite(arrived));
  }
}

void Pipeline::set_overloaded(bool) {}

void Pipeline::expire(const Now&) {}
void Pipeline::clear(const Now&) {}
uint64_t Pipeline::flows() const { return 0; }
uint64_t Pipeline::messages_in_flight() const { return 0; }
uint64_t Pipeline::messages_of_former_sets() const { return 0; }

}  // namespace postern::worker
