#include "dataplane/worker/handshakes.h"

#include <algorithm>
#include <bit>

namespace postern::worker {
namespace {

uint32_t milliseconds(uint64_t us) { return static_cast<uint32_t>(us / 1000); }

}  // namespace

Handshakes::Handshakes(uint32_t capacity, uint32_t timeout_s)
    : buckets_(std::bit_ceil(std::max(capacity / 8, 1u))), timeout_ms_(timeout_s * 1000) {}

bool Handshakes::expired(const Handshake& handshake, uint64_t now_us) const {
  return handshake.connection == 0 || milliseconds(now_us) - handshake.seen_ms > timeout_ms_;
}

bool Handshakes::remember(const Handshake& handshake, uint64_t now_us) {
  auto& places = buckets_[handshake.connection & (buckets_.size() - 1)].places;
  const auto age = [&](const Handshake& place) {
    // Its own former place first, then one that nobody needs, then the oldest.
    if (place.connection == handshake.connection) return UINT64_MAX;
    if (expired(place, now_us)) return UINT64_MAX - 1;
    return uint64_t{milliseconds(now_us) - place.seen_ms};
  };
  Handshake& place = *std::ranges::max_element(places, {}, age);
  const bool displaced = place.connection != handshake.connection && !expired(place, now_us);
  place = handshake;
  place.seen_ms = milliseconds(now_us);
  return displaced;
}

const Handshake* Handshakes::find(uint64_t connection, uint64_t now_us) const {
  for (const Handshake& place : buckets_[connection & (buckets_.size() - 1)].places) {
    if (place.connection == connection && !expired(place, now_us)) return &place;
  }
  return nullptr;
}

bool Handshakes::crowded(uint64_t connection, uint64_t now_us) const {
  return std::ranges::none_of(buckets_[connection & (buckets_.size() - 1)].places,
                              [&](const Handshake& place) { return expired(place, now_us); });
}

void Handshakes::forget(uint64_t connection) {
  for (Handshake& place : buckets_[connection & (buckets_.size() - 1)].places) {
    if (place.connection == connection) place = {};
  }
}

}  // namespace postern::worker
