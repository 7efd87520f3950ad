// The strongly connected components of a graph (Tarjan, SIAM J. Comput. 1, 1972).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace postern::compile {

// Of what is reached from node 0, each component after all that it leads to. `successor(node, i)`
// is the node's i-th successor, nothing when it has no more; it may move i on.
template <typename Successor>
std::vector<std::vector<uint32_t>> strong_components(size_t nodes, Successor&& successor) {
  struct Frame {
    uint32_t node;
    size_t next = 0;
  };
  std::vector<uint32_t> order(nodes, 0), low(nodes, 0), open;
  std::vector<bool> is_open(nodes, false);
  std::vector<std::vector<uint32_t>> components;
  uint32_t clock = 0;
  std::vector<Frame> frames{{0}};
  while (!frames.empty()) {
    Frame& frame = frames.back();
    const uint32_t node = frame.node;
    if (order[node] == 0) {
      order[node] = low[node] = ++clock;
      open.push_back(node);
      is_open[node] = true;
    }
    if (const std::optional<uint32_t> next = successor(node, frame.next)) {
      ++frame.next;
      if (order[*next] == 0) {
        frames.push_back({*next});
      } else if (is_open[*next]) {
        low[node] = std::min(low[node], order[*next]);
      }
      continue;
    }
    frames.pop_back();
    if (!frames.empty()) {
      uint32_t& above = low[frames.back().node];
      above = std::min(above, low[node]);
    }
    if (low[node] != order[node]) continue;
    std::vector<uint32_t>& component = components.emplace_back();
    do {
      component.push_back(open.back());
      is_open[open.back()] = false;
      open.pop_back();
    } while (component.back() != node);
  }
  return components;
}

}  // namespace postern::compile
