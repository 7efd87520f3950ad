#include "bench/standing.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/traffic.h"

namespace postern::bench {

namespace {

constexpr uint64_t kApartUs = 70;  // a million connections in 70 s

}  // namespace

std::expected<void, std::string> stand(std::span<const Conversation> recordings,
                                       const Standing& standing, packet::FrameSource& frames,
                                       worker::Pipeline& pipeline, Now& now) {
  const uint64_t before = pipeline.flows();
  for (uint32_t i = 0; i < standing.count; ++i) {
    for (const RecordedFrame& recorded : recordings[i % recordings.size()].frames) {
      packet::Frame* frame = frames.allocate();
      if (frame == nullptr) return std::unexpected("idle connections hold frames");
      std::ranges::copy(recorded.bytes, frame->data());
      frame->length = static_cast<uint32_t>(recorded.bytes.size());
      set_client(*frame, recorded.arrives, standing.first_client + i);
      pipeline.process(frame, recorded.arrives, now);
    }
    pipeline.expire(now);
    now.monotonic_us += kApartUs;
    now.wall_us += kApartUs;
  }
  const uint64_t opened = pipeline.flows() - before;
  if (opened == standing.count) return {};
  return std::unexpected(
      fmt::format("{} connections are open, but must be {}", opened, standing.count));
}

}  // namespace postern::bench
