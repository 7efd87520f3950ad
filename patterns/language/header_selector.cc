#include "patterns/language/header_selector.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace postern::language {
namespace {

using Extract = HeaderSelector::Extract;
using Source = HeaderSelector::Source;

// Pseudo headers that SpamAssassin computes and we do not.
constexpr std::array<std::string_view, 5> kComputedFields{
    "all-trusted", "all-untrusted", "all-internal", "all-external", "x-languages"};

// Those that we compute, too. Without networks to trust, what SpamAssassin trusts is internal to
// it, and what it does not is external.
struct PseudoField {
  std::string_view name;
  Source source;
};
constexpr std::array<PseudoField, 6> kPseudoFields{{
    {"tocc", Source::kToCc},
    {"envelopefrom", Source::kEnvelopeFrom},
    {"x-spam-relays-trusted", Source::kTrustedRelays},
    {"x-spam-relays-internal", Source::kTrustedRelays},
    {"x-spam-relays-untrusted", Source::kUntrustedRelays},
    {"x-spam-relays-external", Source::kUntrustedRelays},
}};

struct ExtractName {
  std::string_view modifier;
  Extract extract;
};
constexpr std::array<ExtractName, 4> kExtracts{{
    {"host", Extract::kHost},
    {"domain", Extract::kDomain},
    {"ip", Extract::kAddress},
    {"revip", Extract::kReversedAddress},
}};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

bool is_field_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '.' || c == '-';
  });
}

// A host goes before an address, and what was registered before the whole host, in whatever order
// they are written.
Extract stronger(Extract a, Extract b) {
  const auto rank = [](Extract extract) {
    constexpr std::array<int, 5> kRanks{0, 3, 4, 1, 2};
    return kRanks[static_cast<size_t>(extract)];
  };
  return rank(a) > rank(b) ? a : b;
}

}  // namespace

std::expected<SelectorText, std::string> parse_header_selector(std::string_view text) {
  SelectorText out;
  const size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  if (!is_field_name(name)) {
    return std::unexpected(fmt::format(
        "'{}' is no header field name; expected letters, digits, '-', '_' and '.'", name));
  }
  std::string_view rest = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  while (!rest.empty()) {
    const size_t next = rest.find(':');
    const std::string modifier = lower(rest.substr(0, next));
    rest = next == std::string_view::npos ? "" : rest.substr(next + 1);
    if (modifier == "raw") {
      out.selector.raw = true;
    } else if (modifier == "addr") {
      out.selector.part = HeaderSelector::Part::kAddresses;
    } else if (modifier == "name") {
      out.selector.part = HeaderSelector::Part::kNames;
    } else if (modifier == "first") {
      out.selector.instance = HeaderSelector::Instance::kFirst;
    } else if (modifier == "last") {
      out.selector.instance = HeaderSelector::Instance::kLast;
    } else if (const auto extract = std::ranges::find(kExtracts, modifier, &ExtractName::modifier);
               extract != kExtracts.end()) {
      out.selector.extract = stronger(out.selector.extract, extract->extract);
    } else {
      return std::unexpected(
          fmt::format("unknown header modifier ':{}'; expected :raw, :addr, :name, :first, :last, "
                      ":host, :domain, "
                      ":ip or :revip",
                      modifier));
    }
  }
  // SpamAssassin compares ALL and MESSAGEID with regard to case, ToCc and field names without.
  out.selector.field = lower(name);
  if (name == "ALL") {
    out.selector.source = HeaderSelector::Source::kAll;
    // For ALL the other modifiers change nothing: the whole header is returned before they are
    // looked at.
    out.selector.part = HeaderSelector::Part::kValue;
    out.selector.instance = HeaderSelector::Instance::kEvery;
    out.selector.extract = Extract::kWhole;
  } else if (name == "MESSAGEID") {
    out.selector.source = HeaderSelector::Source::kMessageId;
  } else if (const auto pseudo =
                 std::ranges::find(kPseudoFields, out.selector.field, &PseudoField::name);
             pseudo != kPseudoFields.end()) {
    out.selector.source = pseudo->source;
  } else if (std::ranges::find(kComputedFields, out.selector.field) != kComputedFields.end()) {
    out.not_run = fmt::format("pseudo header {} is not computed", name);
  }
  if (out.selector.source != HeaderSelector::Source::kField) out.selector.field.clear();
  return out;
}

std::string to_string(const HeaderSelector& selector) {
  std::string out;
  switch (selector.source) {
    case HeaderSelector::Source::kField:
    case HeaderSelector::Source::kPartField:
      out = selector.field;
      break;
    case HeaderSelector::Source::kAll:
      out = "ALL";
      break;
    case HeaderSelector::Source::kToCc:
      out = "ToCc";
      break;
    case HeaderSelector::Source::kMessageId:
      out = "MESSAGEID";
      break;
    case HeaderSelector::Source::kEnvelopeFrom:
      out = "EnvelopeFrom";
      break;
    case HeaderSelector::Source::kTrustedRelays:
      out = "X-Spam-Relays-Trusted";
      break;
    case HeaderSelector::Source::kUntrustedRelays:
      out = "X-Spam-Relays-Untrusted";
      break;
  }
  if (selector.part == HeaderSelector::Part::kAddresses) out += ":addr";
  if (selector.part == HeaderSelector::Part::kNames) out += ":name";
  for (const ExtractName& extract : kExtracts) {
    if (selector.extract == extract.extract)
      fmt::format_to(std::back_inserter(out), ":{}", extract.modifier);
  }
  if (selector.raw) out += ":raw";
  if (selector.instance == HeaderSelector::Instance::kFirst) out += ":first";
  if (selector.instance == HeaderSelector::Instance::kLast) out += ":last";
  return out;
}

}  // namespace postern::language
