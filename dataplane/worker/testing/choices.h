// Where a random session takes its decisions from: a seed, or a fuzzer's input.
#pragma once

#include <cstdint>
#include <random>
#include <span>

namespace postern::worker::testing {

class Choices {
 public:
  virtual ~Choices() = default;
  // The input is used up: what still wants to choose gets nothing but zeros.
  virtual bool over() const = 0;
  // One of 0 to n - 1; `n` is 1 to 65,536.
  uint32_t below(uint32_t n) { return n <= 1 ? 0 : draw(n) % n; }
  bool one_in(uint32_t n) { return below(n) == n - 1; }

 protected:
  virtual uint32_t draw(uint32_t n) = 0;
};

class SeededChoices : public Choices {
 public:
  explicit SeededChoices(uint32_t seed) : random_(seed) {}
  bool over() const override { return false; }

 private:
  uint32_t draw(uint32_t) override { return static_cast<uint32_t>(random_() >> 32); }
  std::mt19937_64 random_;
};

// One octet for a choice among up to 256, two for more: a fuzzer's mutation changes one decision.
class InputChoices : public Choices {
 public:
  explicit InputChoices(std::span<const uint8_t> input) : input_(input) {}
  bool over() const override { return input_.empty(); }

 private:
  uint32_t draw(uint32_t n) override {
    uint32_t value = 0;
    for (uint32_t range = 1; range < n && !input_.empty(); range *= 256) {
      value = value << 8 | input_.front();
      input_ = input_.subspan(1);
    }
    return value;
  }
  std::span<const uint8_t> input_;
};

}  // namespace postern::worker::testing
