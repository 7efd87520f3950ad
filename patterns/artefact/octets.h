// Octets that an artefact owns, as the compiler makes them, or that lie in the file it was parsed
// from.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace postern::artefact {

class Octets {
 public:
  Octets() = default;
  Octets(std::vector<char> owned) : owned_(std::move(owned)) {}  // NOLINT: what it is for
  // `there` outlives the object and its copies.
  static Octets view(std::span<const char> there) {
    Octets out;
    out.there_ = there;
    return out;
  }

  const char* data() const { return there_.empty() ? owned_.data() : there_.data(); }
  size_t size() const { return there_.empty() ? owned_.size() : there_.size(); }
  bool empty() const { return size() == 0; }

  // To be written to: owned from now on.
  std::vector<char>& own() {
    if (!there_.empty()) owned_.assign(there_.begin(), there_.end());
    there_ = {};
    return owned_;
  }
  char& operator[](size_t at) { return own()[at]; }
  void resize(size_t size) { own().resize(size); }

 private:
  std::vector<char> owned_;
  std::span<const char> there_;  // empty: owned_ counts
};

}  // namespace postern::artefact
