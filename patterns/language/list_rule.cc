#include "patterns/language/list_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace postern::language {
namespace {

using lists::ListKind;

struct PlaceName {
  std::string_view name;
  ListPlace place;
};
constexpr std::array kPlaceNames{PlaceName{"links", kInLinks}, PlaceName{"envelope", kInEnvelope},
                                 PlaceName{"from", kInFrom}, PlaceName{"reply_to", kInReplyTo}};

// Published sets of domains are of links; who writes addresses down means whoever answers there.
uint8_t usual_places(ListKind kind) {
  if (kind == ListKind::kDomains) return kInLinks;
  return kind == ListKind::kAddresses ? kAllListPlaces : 0;
}

std::string_view take_word(std::string_view& rest) {
  constexpr std::string_view kBlanks = " \t\r\v\f";
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size()));
  const std::string_view word = rest.substr(0, rest.find_first_of(kBlanks));
  rest.remove_prefix(word.size());
  return word;
}

std::expected<uint8_t, std::string> read_places(std::string_view words) {
  uint8_t places = 0;
  while (!words.empty()) {
    const size_t end = std::min(words.find(','), words.size());
    const auto found = std::ranges::find(kPlaceNames, words.substr(0, end), &PlaceName::name);
    if (found == kPlaceNames.end()) {
      return std::unexpected(
          fmt::format("in={}: unknown place; expected links, envelope, from or reply_to",
                      words.substr(0, end)));
    }
    places |= found->place;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  if (places == 0)
    return std::unexpected("in= without a place; expected links, envelope, from or reply_to");
  return places;
}

}  // namespace

std::expected<ListSource, std::string> parse_list_rule(std::string_view text) {
  ListSource out;
  const std::string_view kind = take_word(text);
  const auto known = std::ranges::find(lists::kListKindNames, kind);
  if (known == std::end(lists::kListKindNames)) {
    return std::unexpected(fmt::format(
        "'{}' is no kind of list; expected domains, addresses, urls, file_names or sha256", kind));
  }
  out.kind = static_cast<ListKind>(known - std::begin(lists::kListKindNames));
  out.places = usual_places(out.kind);
  out.file = take_word(text);
  if (out.file.empty()) return std::unexpected("no file; expected its path after the kind");
  if (out.file.ends_with(".dnset")) out.format = lists::ListFormat::kDnset;
  for (std::string_view option = take_word(text); !option.empty(); option = take_word(text)) {
    if (option.starts_with("in=") && out.places != 0) {
      auto places = read_places(option.substr(3));
      if (!places) return std::unexpected(std::move(places.error()));
      out.places = *places;
    } else if (option == "format=dnset" || option == "format=text") {
      out.format = option.ends_with("dnset") ? lists::ListFormat::kDnset : lists::ListFormat::kText;
    } else if (option == "query=no" && out.kind == ListKind::kUrls) {
      out.keep_query = false;
    } else {
      return std::unexpected(fmt::format(
          "unknown option '{}'; expected in=PLACE,… (domains and addresses), format=text, "
          "format=dnset or query=no (urls)",
          option));
    }
  }
  if (out.format == lists::ListFormat::kDnset && out.kind != ListKind::kDomains)
    return std::unexpected("format=dnset with a list that is not of domains; expected format=text");
  return out;
}

}  // namespace postern::language
