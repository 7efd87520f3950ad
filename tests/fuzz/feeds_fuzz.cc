// Lists of ranges in every format (the first octet chooses): whatever is in them, what is read is a
// list that the ledger can take, or an error that says where.
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string_view>

#include "control/feeds/feed.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace postern;
  if (size == 0) return 0;
  const auto format = static_cast<feeds::Format>(data[0] % std::size(feeds::kFormatNames));
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto feed = feeds::read_feed(text, format, 1'700'000'000);
  if (!feed) {
    if (feed.error().empty()) std::abort();
    return 0;
  }
  if (feed->entries.empty()) std::abort();
  const feeds::Entry* before = nullptr;
  for (const feeds::Entry& entry : feed->entries) {
    if (before != nullptr && !(before->prefix < entry.prefix)) std::abort();
    const uint8_t widest = entry.prefix.address.is_v4() ? feeds::kWidestV4 : feeds::kWidestV6;
    if (entry.prefix.length < widest) std::abort();
    if (IpPrefix::parse(entry.prefix.to_string()) != entry.prefix) std::abort();
    before = &entry;
  }
  return 0;
}
