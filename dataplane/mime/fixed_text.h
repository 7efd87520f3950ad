// Text of bounded length inside its owner: what a Reader remembers of a message without allocating.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace postern::mime {

template <size_t N>
class FixedText {
 public:
  static constexpr size_t kCapacity = N;

  // Keeps the first N bytes; false when some were lost.
  bool append(std::string_view text) {
    size_t taken = std::min(text.size(), N - size_);
    if (taken > 0) std::memcpy(bytes_.data() + size_, text.data(), taken);
    size_ += taken;
    return taken == text.size();
  }
  bool append(char c) { return append(std::string_view(&c, 1)); }
  bool assign(std::string_view text) {
    clear();
    return append(text);
  }
  void clear() { size_ = 0; }
  void remove_prefix(size_t n) {
    std::memmove(bytes_.data(), bytes_.data() + n, size_ - n);
    size_ -= n;
  }
  std::string_view view() const { return {bytes_.data(), size_}; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == N; }
  char* data() { return bytes_.data(); }
  void resize(size_t size) { size_ = size; }  // bytes up to `size` were written through data()

 private:
  std::array<char, N> bytes_;
  size_t size_ = 0;
};

}  // namespace postern::mime
