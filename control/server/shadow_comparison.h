// What a shadow set would have done, from the events that tell of it.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "control/channel/operator.pb.h"

namespace postern::server {

// Counts events, newest first; its memory grows with pairs of sets and rules, not with events.
class ShadowComparison {
 public:
  explicit ShadowComparison(size_t examples) : examples_(examples) {}
  void add(const channel::v1::Event& event);
  // One entry for each pair of sets, the newest pair first.
  void write(channel::v1::CompareShadowReply* reply) const;

 private:
  struct Rule {
    uint64_t set = 0, shadow = 0, gained = 0, lost = 0;
  };
  struct Pair {
    channel::v1::ShadowComparison counts;
    std::map<std::string, Rule> rules;
  };
  const size_t examples_;
  uint64_t events_ = 0;
  std::vector<Pair> pairs_;
};

}  // namespace postern::server
