// Little-endian fields into and out of a buffer, bounds checked.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern::artefact {

class ByteWriter {
 public:
  void u8(uint8_t value) { bytes_.push_back(value); }
  void u32(uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8)
      bytes_.push_back(static_cast<uint8_t>(value >> shift));
  }
  void u64(uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8)
      bytes_.push_back(static_cast<uint8_t>(value >> shift));
  }
  void f64(double value) { u64(std::bit_cast<uint64_t>(value)); }
  void text(std::string_view value) {
    u32(static_cast<uint32_t>(value.size()));
    bytes_.insert(bytes_.end(), value.begin(), value.end());
  }
  std::vector<uint8_t>& bytes() { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

// Past the end every field reads as zero and ok() stays false: check it before trusting what was
// read.
class ByteReader {
 public:
  explicit ByteReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  uint8_t u8() { return static_cast<uint8_t>(integer(1)); }
  uint32_t u32() { return static_cast<uint32_t>(integer(4)); }
  uint64_t u64() { return integer(8); }
  double f64() { return std::bit_cast<double>(u64()); }
  std::string text() {
    const std::span<const uint8_t> raw = take(u32());
    return std::string(raw.begin(), raw.end());
  }
  std::span<const uint8_t> take(uint64_t count) {
    if (count > bytes_.size()) {
      ok_ = false;
      bytes_ = {};
      return {};
    }
    const auto out = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return out;
  }
  // A count of items that take at least `item_bytes` each: more than fit is damage, found before
  // any memory is set aside for them.
  uint32_t count(size_t item_bytes) {
    const uint32_t value = u32();
    if (value > bytes_.size() / item_bytes) {
      ok_ = false;
      bytes_ = {};
      return 0;
    }
    return value;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return bytes_.empty(); }

 private:
  uint64_t integer(size_t size) {
    const auto raw = take(size);
    uint64_t value = 0;
    for (size_t i = 0; i < raw.size(); ++i) value |= uint64_t{raw[i]} << (8 * i);
    return value;
  }
  std::span<const uint8_t> bytes_;
  bool ok_ = true;
};

}  // namespace postern::artefact
