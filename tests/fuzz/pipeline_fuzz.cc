// Frames into a whole worker: the input makes the decisions of a random session
// (dataplane/worker/testing/adversary.h), octet by octet: which hosts, what text, which odd segment
// next and how it is spoilt. Whatever comes: no crash, every frame given back, and no receiver
// reads an octet that was not scanned or the end of a message that was refused.
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>

#include "dataplane/worker/testing/adversary.h"

namespace {

using postern::worker::PipelineConfig;
using postern::worker::testing::Adversary;
using postern::worker::testing::InputChoices;
using postern::worker::testing::OddityCounts;
using postern::worker::testing::Referee;
using postern::worker::testing::Wire;

// Allowances that a session meets, or ample ones. A session leaves its pipeline as it found it, so
// all inputs share two.
struct Course {
  explicit Course(bool tight) : wire(config(tight), &referee) {}
  static PipelineConfig config(bool tight) {
    PipelineConfig config = Wire::small();
    config.idle_timeout_s = 60;
    config.flow_retained_bytes = (tight ? 9 : 96) * 2176;
    config.flow_out_of_order_bytes = (tight ? 4 : 96) * 2176;
    return config;
  }
  Referee referee;
  Wire wire;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static Course ample(false), tight(true);
  Course& course = (data[0] & 1) != 0 ? tight : ample;
  // Times in a session do not depend on the inputs before it.
  course.wire.now.monotonic_us = (course.wire.now.monotonic_us / 1'000'000'000 + 1) * 1'000'000'000;
  static OddityCounts counts;
  InputChoices choices({data + 1, size - 1});
  Adversary adversary(course.wire, course.referee, choices, counts);
  // The pipeline may remember connections: each input has its own.
  static uint16_t port = 1024;
  adversary.client_port = port = port == 65535 ? 1024 : port + 1;
  adversary.verbose = std::getenv("POSTERN_MODEL_VERBOSE") != nullptr;
  const std::string wrong = adversary.run();
  if (!wrong.empty()) {
    fmt::print(stderr, "{}\n", wrong);
    std::abort();
  }
  return 0;
}
