#include "dataplane/mime/multipart.h"

#include "dataplane/mime/ascii.h"

namespace postern::mime {

void BoundaryStack::begin() { pop_to(0); }

bool BoundaryStack::push(std::string_view boundary, bool digest, uint32_t outer) {
  if (open_.size() == open_.capacity() || boundary.size() > kBoundaryBytes ||
      boundary.size() > kPoolBytes - pool_.size()) {
    return false;
  }
  open_.push_back(
      {static_cast<uint16_t>(pool_.size()), static_cast<uint16_t>(boundary.size()), digest, outer});
  pool_.append(boundary);
  return true;
}

void BoundaryStack::pop_to(size_t depth) {
  if (depth >= open_.size()) return;
  pool_.resize(open_[depth].offset);
  open_.resize(depth);
}

BoundaryStack::Match BoundaryStack::match(std::string_view line) const {
  if (!line.starts_with("--")) return {};
  line.remove_prefix(2);
  for (size_t at = open_.size(); at > 0; --at) {
    const Open& open = open_[at - 1];
    const std::string_view boundary = pool_.view().substr(open.offset, open.length);
    if (!line.starts_with(boundary)) continue;
    std::string_view behind = line.substr(boundary.size());
    const bool closing = behind.starts_with("--");
    if (closing) behind.remove_prefix(2);
    if (trim(behind).empty()) return {true, at - 1, closing};
  }
  return {};
}

}  // namespace postern::mime
