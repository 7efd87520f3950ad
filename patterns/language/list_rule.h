// What a list rule says: `list NAME KIND FILE [in=…] [format=…] [query=no]`.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "patterns/lists/list_file.h"

namespace postern::language {

// Where texts are taken from to be looked up, as bits.
enum ListPlace : uint8_t {
  kInLinks = 1 << 0,     // hosts, mailto: addresses and URLs in the text
  kInEnvelope = 1 << 1,  // MAIL
  kInFrom = 1 << 2,      // the From field
  kInReplyTo = 1 << 3,
};
inline constexpr uint8_t kAllListPlaces = (1 << 4) - 1;

struct ListSource {
  lists::ListKind kind = lists::ListKind::kDomains;
  lists::ListFormat format = lists::ListFormat::kText;
  std::string file;                                    // as written
  uint8_t places = 0;                                  // of ListPlace; domains and addresses
  bool keep_query = true;                              // urls: also what stands behind "?"
  std::shared_ptr<const std::vector<uint64_t>> block;  // lists::ListTable
};

// `text`: what follows the rule's name. The error says what was expected.
std::expected<ListSource, std::string> parse_list_rule(std::string_view text);

}  // namespace postern::language
