#include "dataplane/agent/event_spool.h"

#include <algorithm>

namespace postern::agent {

EventSpool::EventSpool(const EventSpoolConfig& config, std::string boot)
    : config_(config), boot_(std::move(boot)) {}

EventSpool::Added EventSpool::add(channel::v1::Event event, Time now) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() + in_batches_ >= config_.capacity) {
    ++lost_;
    return {};
  }
  if (sample_bytes_ + event.header_sample().size() > config_.sample_bytes) {
    event.clear_header_sample();
    event.clear_header_sample_cut();
  }
  sample_bytes_ += event.header_sample().size();
  const bool first = waiting_.empty();
  if (first) waiting_since_ = now;
  waiting_.push_back(std::move(event));
  return {.taken = true, .due_changed = first || waiting_.size() == config_.batch};
}

std::shared_ptr<const channel::v1::FromDataPlane> EventSpool::next(Time now, bool hurry) {
  const std::lock_guard lock(mutex_);
  if (sent_ >= config_.unacknowledged_batches) return nullptr;
  if (sent_ < batches_.size()) return batches_[sent_++];
  if (waiting_.empty()) return nullptr;
  const bool full = waiting_.size() >= config_.batch;
  if (!full && !hurry && now < waiting_since_ + config_.linger) return nullptr;
  auto message = std::make_shared<channel::v1::FromDataPlane>();
  channel::v1::EventBatch* batch = message->mutable_events();
  batch->set_batch(++last_batch_);
  batch->set_boot(boot_);
  const size_t count = std::min<size_t>(waiting_.size(), config_.batch);
  for (size_t i = 0; i < count; ++i) {
    batch->mutable_events()->Add(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  waiting_since_ = now;
  in_batches_ += count;
  batches_.push_back(message);
  ++sent_;
  return message;
}

EventSpool::Time EventSpool::due() const {
  const std::lock_guard lock(mutex_);
  if (sent_ >= config_.unacknowledged_batches) return Time::max();  // an answer comes first
  if (sent_ < batches_.size()) return Time::min();
  if (waiting_.empty()) return Time::max();
  return waiting_.size() >= config_.batch ? Time::min() : waiting_since_ + config_.linger;
}

void EventSpool::acknowledge(uint64_t batch) {
  const std::lock_guard lock(mutex_);
  const auto number = [](const Batch& b) { return b->events().batch(); };
  const auto at = std::ranges::lower_bound(batches_, batch, {}, number);
  if (at == batches_.end() || number(*at) != batch) return;
  if (static_cast<size_t>(at - batches_.begin()) < sent_) --sent_;
  in_batches_ -= static_cast<uint64_t>((*at)->events().events_size());
  for (const channel::v1::Event& event : (*at)->events().events()) {
    sample_bytes_ -= event.header_sample().size();
  }
  batches_.erase(at);
}

void EventSpool::send_all_again() {
  const std::lock_guard lock(mutex_);
  sent_ = 0;
}

uint64_t EventSpool::spooled() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size() + in_batches_;
}

uint64_t EventSpool::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

}  // namespace postern::agent
