// Connections that were opened and stand still: idle ones, and messages stopped in their middle.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>

#include "bench/conversation.h"

namespace postern::bench {

struct Standing {
  uint32_t first_client = 0;  // number of the first connection's client
  uint32_t count = 0;
};

// Plays so many connections into the pipeline, one after another, each by a client of its own; the
// recordings (Recorder::record_unfinished) are used in turn. Frames are taken from `frames` one at
// a time. The clock goes on by what spreads a million connections over a turn of the timers. The
// error: they are not all open, or something still holds a frame's place.
std::expected<void, std::string> stand(std::span<const Conversation> recordings,
                                       const Standing& standing, packet::FrameSource& frames,
                                       worker::Pipeline& pipeline, Now& now);

}  // namespace postern::bench
