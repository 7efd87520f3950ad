#include "dataplane/scan/origin_line.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace postern::scan {
namespace {

class Line {
 public:
  explicit Line(std::span<char> out) : out_(out) {}
  void put(std::string_view text) {
    const size_t length = std::min(text.size(), out_.size() - size_);
    std::copy_n(text.begin(), length, out_.data() + size_);
    size_ += length;
  }
  void put_value(std::string_view key, std::string_view value) {
    put(key);
    const size_t begin = size_;
    put(value.empty() ? "-" : value);
    for (char& c : out_.subspan(begin, size_ - begin)) {
      if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') c = '_';
    }
  }
  std::string_view text() const { return {out_.data(), size_}; }

 private:
  std::span<char> out_;
  size_t size_ = 0;
};

std::string_view name_of(mime::Authenticated authenticated) {
  switch (authenticated) {
    case mime::Authenticated::kYes:
      return "yes";
    case mime::Authenticated::kNo:
      return "no";
    case mime::Authenticated::kUnknown:
      break;
  }
  return "unknown";
}

std::string_view name_of(mime::Origin::Confidence confidence) {
  switch (confidence) {
    case mime::Origin::Confidence::kHigh:
      return "high";
    case mime::Origin::Confidence::kMedium:
      return "medium";
    case mime::Origin::Confidence::kLow:
      return "low";
    case mime::Origin::Confidence::kNone:
      break;
  }
  return "none";
}

}  // namespace

std::string_view origin_line(const mime::Origin& origin, std::span<char> out) {
  std::array<char, INET6_ADDRSTRLEN> address = {};
  // A client that was not told of is no address.
  const bool known = origin.address && *origin.address != IpAddress{};
  if (known && origin.address->is_v4()) {
    inet_ntop(AF_INET, origin.address->v4_bytes(), address.data(), address.size());
  } else if (known) {
    inet_ntop(AF_INET6, origin.address->bytes().data(), address.data(), address.size());
  }
  Line line(out);
  line.put_value("ip=", address.data());
  line.put_value(" auth=", name_of(origin.authenticated));
  line.put_value(" user=", origin.user.view());
  line.put_value(" script=", origin.script.view());
  line.put_value(" confidence=", name_of(origin.confidence));
  return line.text();
}

}  // namespace postern::scan
