// The boundaries of the multiparts that are open (RFC 2046 5.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "dataplane/mime/fixed_text.h"

namespace postern::mime {

class BoundaryStack {
 public:
  // RFC 2046 allows 70 characters, a line 998.
  static constexpr size_t kBoundaryBytes = 998;
  // Longest delimiter line that is looked at: dashes, boundary, dashes, white space behind.
  static constexpr size_t kLineBytes = kBoundaryBytes + 66;
  static constexpr size_t kPoolBytes = 2048;

  struct Match {
    bool found = false;
    size_t depth = 0;  // of the multipart, from 0
    bool closing = false;
  };

  explicit BoundaryStack(uint32_t depth) { open_.reserve(depth); }

  void begin();
  // `outer`: how deep the multipart itself stands. False when there is no room for one more; then
  // nothing is opened.
  bool push(std::string_view boundary, bool digest, uint32_t outer);
  void pop_to(size_t depth);
  size_t depth() const { return open_.size(); }
  // The multipart's parts are messages unless they say otherwise (multipart/digest).
  bool digest(size_t depth) const { return open_[depth].digest; }
  uint32_t outer(size_t depth) const { return open_[depth].outer; }
  // `line`: without its line end. The innermost multipart that it delimits: nested multiparts with
  // the same boundary exist.
  Match match(std::string_view line) const;

 private:
  struct Open {
    uint16_t offset;
    uint16_t length;
    bool digest;
    uint32_t outer;
  };
  std::vector<Open> open_;
  FixedText<kPoolBytes> pool_;
};

}  // namespace postern::mime
