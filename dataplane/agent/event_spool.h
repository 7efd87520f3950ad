// Events that control has not acknowledged, in a bounded queue.
//
// Events become numbered batches when they are sent. A batch stays here, unchanged, until control
// says that it is in the ledger; after a new connection all that stayed are sent again under the
// same numbers, by which control knows those that it has already. At the bound what comes is not
// taken and the loss is counted: the start of an incident says more than its hundred-thousandth
// message.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "control/channel/channel.pb.h"

namespace postern::agent {

struct EventSpoolConfig {
  uint32_t capacity = 100'000;  // events, sent or not
  uint32_t batch = 500;
  std::chrono::milliseconds linger{100};  // an event waits at most so long for its batch to fill
  uint32_t unacknowledged_batches = 32;   // sent ahead of control's answers
  uint64_t sample_bytes = 16 << 20;  // of header samples; beyond, events are kept without theirs
};

class EventSpool {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `boot` identifies this life of the process: (gate, boot, batch) is unique.
  EventSpool(const EventSpoolConfig& config, std::string boot);

  // Any thread, all of them.
  struct Added {
    bool taken = false;        // false: it was full, and the event is counted as lost
    bool due_changed = false;  // next() has something sooner than due() said before
  };
  Added add(channel::v1::Event event, Time now);
  // The next batch to send; null when there is none yet, or too many are unacknowledged. `hurry`:
  // also one that is not full and has not waited.
  std::shared_ptr<const channel::v1::FromDataPlane> next(Time now, bool hurry = false);
  // When next() may have something by mere passing of time; Time::max() when nothing waits.
  Time due() const;
  void acknowledge(uint64_t batch);  // a number that is not known is nothing
  void send_all_again();             // a new connection

  uint64_t spooled() const;
  uint64_t lost() const;

 private:
  using Batch = std::shared_ptr<const channel::v1::FromDataPlane>;

  const EventSpoolConfig config_;
  const std::string boot_;
  mutable std::mutex mutex_;
  std::deque<channel::v1::Event> waiting_;
  Time waiting_since_{};       // of the first of them
  std::deque<Batch> batches_;  // unacknowledged, ascending
  size_t sent_ = 0;            // of batches_, on this connection
  uint64_t last_batch_ = 0;
  uint64_t in_batches_ = 0;  // events
  uint64_t sample_bytes_ = 0;
  uint64_t lost_ = 0;
};

}  // namespace postern::agent
