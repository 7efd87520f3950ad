// Which stage of a frame's way a worker is in, so that somebody else can see where its time goes.
//
// Theory of operation. A worker writes one byte of its own at each border between stages, and what
// stood there before when the stage is over: a stage within another takes its time from that one.
// A sampler on another thread reads the byte again and again. Its counts, divided by their sum, are
// the shares of the worker's time, and add up to all of it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace postern {

enum class Stage : uint8_t {
  kOutside,
  kReceive,
  kClassify,
  kFlow,
  kTcp,
  kSmtp,
  kMime,
  kRender,
  kScan,
  kDecide,
  kTransmit,
  kCount
};

struct StageRow {
  std::string_view name, help;
};

inline constexpr std::array<StageRow, static_cast<size_t>(Stage::kCount)> kStageTable{{
    {"outside", "not in a worker's loop"},
    {"rx", "taking bursts of frames from their port"},
    {"classify", "parsing of headers, checksums"},
    {"flow", "the flow table, new connections, timers"},
    {"tcp", "streams: what a segment adds, what of it may pass"},
    {"smtp", "commands, replies, the end of a message"},
    {"mime", "structure, header fields, transfer encodings, the message's digest"},
    {"render", "charsets, HTML, paragraphs, links, hidden text, skeletons"},
    {"scan", "expressions, functions, lists, metas of the signature set"},
    {"decide", "verdicts, the decision, the event"},
    {"tx", "handing frames to their port, checksums of what was changed"},
}};

// Written by the thread itself only; read by any that was given its address.
inline constinit thread_local std::atomic<Stage> current_stage{Stage::kOutside};

class StageScope {
 public:
  explicit StageScope(Stage stage) : before_(current_stage.load(std::memory_order_relaxed)) {
    current_stage.store(stage, std::memory_order_relaxed);
  }
  ~StageScope() { current_stage.store(before_, std::memory_order_relaxed); }
  StageScope(const StageScope&) = delete;
  StageScope& operator=(const StageScope&) = delete;

 private:
  const Stage before_;
};

}  // namespace postern
