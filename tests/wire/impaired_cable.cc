// A bad cable between two interfaces, for kernels without netem: it loses, repeats, damages, delays
// and reorders frames by chance. The same seed gives the same sequence of chances.
//
// A frame under way lies in one of a fixed number of places; when none is free it is lost.
#include <poll.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstring>
#include <queue>
#include <random>

#include "tests/wire/packet_socket.h"

namespace postern::wire {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kPlaces = 16384;
constexpr size_t kEthernetBytes = 14;

struct Impairment {
  double loss = 0, duplicate = 0, reorder = 0, corrupt = 0;
  uint64_t delay_us = 0, jitter_us = 0;
};

class Cable {
 public:
  Cable(const std::string& left, const std::string& right, const Impairment& impairment,
        uint64_t seed)
      : ends_{PacketSocket(left), PacketSocket(right)}, impairment_(impairment), chance_(seed) {
    places_.resize(kPlaces);
    for (uint32_t i = 0; i < kPlaces; ++i) free_.push_back(i);
  }

  [[noreturn]] void carry() {
    for (;;) {
      deliver_due();
      wait();
      for (size_t end = 0; end < 2; ++end) {
        for (const auto frame : ends_[end].receive()) take(frame, 1 - end);
      }
    }
  }

 private:
  struct Place {
    size_t length;
    std::array<uint8_t, PacketSocket::kFrameBytes + 8> octets;
  };
  struct UnderWay {
    Clock::time_point due;
    uint64_t order;
    uint32_t place;
    size_t to;
    bool operator>(const UnderWay& other) const {
      return std::pair(due, order) > std::pair(other.due, other.order);
    }
  };

  bool happens(double part) { return part > 0 && uniform_(chance_) < part; }

  void wait() {
    timespec patience{1, 0};
    if (!under_way_.empty()) {
      const auto left = std::max(under_way_.top().due - Clock::now(), Clock::duration::zero());
      patience = {0, std::min<long>(std::chrono::nanoseconds(left).count(), 999'999'999)};
    }
    pollfd files[] = {{ends_[0].descriptor(), POLLIN, 0}, {ends_[1].descriptor(), POLLIN, 0}};
    ppoll(files, 2, &patience, nullptr);
  }

  void take(std::span<const uint8_t> frame, size_t to) {
    if (happens(impairment_.loss)) return;
    const int copies = happens(impairment_.duplicate) ? 2 : 1;
    for (int i = 0; i < copies; ++i) put_under_way(frame, to);
  }

  void put_under_way(std::span<const uint8_t> frame, size_t to) {
    if (free_.empty()) return;
    const uint32_t number = free_.back();
    free_.pop_back();
    Place& place = places_[number];
    place.length = std::min(frame.size(), place.octets.size());
    std::memcpy(place.octets.data(), frame.data(), place.length);
    if (place.length > kEthernetBytes && happens(impairment_.corrupt)) {
      std::uniform_int_distribution<size_t> bit(kEthernetBytes * 8, place.length * 8 - 1);
      const size_t flipped = bit(chance_);
      place.octets[flipped / 8] ^= static_cast<uint8_t>(1 << flipped % 8);
    }
    auto due = Clock::now();
    // What overtakes does so by taking no time at all.
    if (!happens(impairment_.reorder)) {
      due += std::chrono::microseconds(impairment_.delay_us);
      if (impairment_.jitter_us > 0) {
        std::uniform_int_distribution<uint64_t> more(0, impairment_.jitter_us);
        due += std::chrono::microseconds(more(chance_));
      }
    }
    under_way_.push({due, ++order_, number, to});
  }

  void deliver_due() {
    const auto now = Clock::now();
    std::array<std::vector<std::span<const uint8_t>>, 2> leaving;
    std::vector<uint32_t> left;
    while (!under_way_.empty() && under_way_.top().due <= now) {
      const UnderWay& next = under_way_.top();
      const Place& place = places_[next.place];
      leaving[next.to].emplace_back(place.octets.data(), place.length);
      left.push_back(next.place);
      under_way_.pop();
    }
    for (size_t end = 0; end < 2; ++end) ends_[end].send(leaving[end]);
    free_.insert(free_.end(), left.begin(), left.end());
  }

  std::array<PacketSocket, 2> ends_;
  Impairment impairment_;
  std::mt19937_64 chance_;
  std::uniform_real_distribution<double> uniform_{0, 1};
  std::vector<Place> places_;
  std::vector<uint32_t> free_;
  std::priority_queue<UnderWay, std::vector<UnderWay>, std::greater<>> under_way_;
  uint64_t order_ = 0;
};

}  // namespace
}  // namespace postern::wire

int main(int argc, char** argv) {
  CLI::App app("A bad cable between two interfaces of this network namespace");
  std::string left, right;
  postern::wire::Impairment impairment;
  uint64_t seed = 0;
  const CLI::Range part(0.0, 1.0);
  app.add_option("left", left)->required();
  app.add_option("right", right)->required();
  app.add_option("--loss", impairment.loss, "Part of the frames that is lost")->check(part);
  app.add_option("--duplicate", impairment.duplicate, "… that arrives twice")->check(part);
  app.add_option("--reorder", impairment.reorder, "… that overtakes all others")->check(part);
  app.add_option("--corrupt", impairment.corrupt,
                 "… in which one bit behind the Ethernet header is flipped")
      ->check(part);
  app.add_option("--delay", impairment.delay_us, "What every other frame takes")->type_name("US");
  app.add_option("--jitter", impairment.jitter_us, "At most so much more, by chance")
      ->type_name("US");
  app.add_option("--seed", seed);
  CLI11_PARSE(app, argc, argv);
  try {
    postern::wire::Cable(left, right, impairment, seed).carry();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "impaired-cable: %s\n", error.what());
    return 1;
  }
}
