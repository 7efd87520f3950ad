#include "bench/yardstick.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace postern::bench {
namespace {

constexpr size_t kText = 128 << 10;
constexpr int kReads = 12;
constexpr size_t kPlaces = (16 << 20) / sizeof(uint32_t);
constexpr int kSteps = 30'000;

// Numerical Recipes' generator.
uint32_t next(uint32_t& state) { return state = state * 1664525 + 1013904223; }

// A walk through all places, in an order that no prefetcher foresees (Sattolo, "An algorithm to
// generate a random cyclic permutation", 1986).
std::vector<uint32_t> make_walk() {
  std::vector<uint32_t> walk(kPlaces);
  std::iota(walk.begin(), walk.end(), 0u);
  uint32_t random = 1;
  for (size_t i = kPlaces - 1; i > 0; --i) {
    next(random);
    std::swap(walk[i], walk[(uint64_t{random} * i) >> 32]);
  }
  return walk;
}

std::vector<uint8_t> make_text() {
  std::vector<uint8_t> text(kText);
  uint32_t random = 2;
  for (uint8_t& octet : text) octet = static_cast<uint8_t>(next(random) >> 24);
  return text;
}

uint64_t read_text(const std::vector<uint8_t>& text, const std::array<uint8_t, 256>& classes) {
  uint64_t hash = 1;
  for (const uint8_t octet : text) {
    if (classes[octet] == 0) hash ^= octet;
    hash = (hash + classes[octet]) * 0x9e3779b97f4a7c15;
  }
  return hash;
}

}  // namespace

uint64_t yardstick() {
  static const std::vector<uint32_t> walk = make_walk();
  static const std::vector<uint8_t> text = make_text();
  static const std::array<uint8_t, 256> classes = [] {
    std::array<uint8_t, 256> out{};
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(i * 7 % 5);
    return out;
  }();
  uint64_t sum = 0;
  for (int i = 0; i < kReads; ++i) sum += read_text(text, classes);
  uint32_t place = 0;
  for (int i = 0; i < kSteps; ++i) place = walk[place];
  return sum + place;
}

}  // namespace postern::bench
