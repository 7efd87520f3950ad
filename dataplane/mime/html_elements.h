// What we need to know of HTML's elements: one table, one look-up a tag.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace postern::mime {

// Names of elements are compared as hashes; of those in the table, no two are equal.
constexpr uint32_t element(std::string_view lower_name) {
  uint32_t hash = 2166136261u;
  for (char c : lower_name) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  return hash;
}

struct ElementTraits {
  enum Flag : uint16_t {
    kVoid = 1 << 0,   // has no content, and so no end tag
    kBlock = 1 << 1,  // ends an open paragraph
    kParagraph = 1 << 2,
    kCell = 1 << 3,
    kRow = 1 << 4,
    kRowGroup = 1 << 5,
    kTable = 1 << 6,
    kItem = 1 << 7,  // ends an item of its own name
    kTerm = 1 << 8,  // dt and dd end each other
    kList = 1 << 9,
    kRaw = 1 << 10,         // what is inside is neither text nor tags
    kVerbatim = 1 << 11,    // what looks like tags inside is text
    kReferences = 1 << 12,  // but character references in it are read
  };
  static constexpr uint16_t kTablePart = kCell | kRow | kRowGroup | kTable;
  // White space that SpamAssassin makes of start and end tags.
  enum class Space : uint8_t { kNone, kBlank, kLineEnd, kParagraph };

  uint32_t name = 0;
  uint16_t flags = 0;
  Space space = Space::kNone;

  constexpr bool has(unsigned any) const { return (flags & any) != 0; }
};

namespace elements {

using T = ElementTraits;
using S = ElementTraits::Space;

inline constexpr std::array kTable{
    T{element("area"), T::kVoid, S::kNone},
    T{element("base"), T::kVoid, S::kNone},
    T{element("basefont"), T::kVoid, S::kNone},
    T{element("bgsound"), T::kVoid, S::kNone},
    T{element("br"), T::kVoid, S::kLineEnd},
    T{element("col"), T::kVoid, S::kNone},
    T{element("embed"), T::kVoid, S::kBlank},
    T{element("frame"), T::kVoid, S::kNone},
    T{element("hr"), T::kVoid | T::kBlock, S::kParagraph},
    T{element("img"), T::kVoid, S::kNone},
    T{element("input"), T::kVoid, S::kNone},
    T{element("link"), T::kVoid, S::kNone},
    T{element("meta"), T::kVoid, S::kNone},
    T{element("param"), T::kVoid, S::kNone},
    T{element("source"), T::kVoid, S::kNone},
    T{element("track"), T::kVoid, S::kNone},
    T{element("wbr"), T::kVoid, S::kNone},

    T{element("address"), T::kBlock, S::kNone},
    T{element("article"), T::kBlock, S::kNone},
    T{element("aside"), T::kBlock, S::kNone},
    T{element("blockquote"), T::kBlock, S::kParagraph},
    T{element("center"), T::kBlock, S::kNone},
    T{element("div"), T::kBlock, S::kLineEnd},
    T{element("dl"), T::kBlock | T::kList, S::kNone},
    T{element("fieldset"), T::kBlock, S::kNone},
    T{element("footer"), T::kBlock, S::kNone},
    T{element("form"), T::kBlock, S::kNone},
    T{element("h1"), T::kBlock, S::kBlank},
    T{element("h2"), T::kBlock, S::kBlank},
    T{element("h3"), T::kBlock, S::kBlank},
    T{element("h4"), T::kBlock, S::kBlank},
    T{element("h5"), T::kBlock, S::kBlank},
    T{element("h6"), T::kBlock, S::kBlank},
    T{element("header"), T::kBlock, S::kNone},
    T{element("listing"), T::kBlock, S::kParagraph},
    T{element("main"), T::kBlock, S::kNone},
    T{element("nav"), T::kBlock, S::kNone},
    T{element("ol"), T::kBlock | T::kList, S::kNone},
    T{element("p"), T::kBlock | T::kParagraph, S::kParagraph},
    T{element("plaintext"), T::kBlock, S::kParagraph},
    T{element("pre"), T::kBlock, S::kParagraph},
    T{element("section"), T::kBlock, S::kNone},
    T{element("ul"), T::kBlock | T::kList, S::kNone},
    T{element("xmp"), T::kBlock | T::kVerbatim, S::kParagraph},

    T{element("table"), T::kBlock | T::kTable, S::kNone},
    T{element("tbody"), T::kRowGroup, S::kNone},
    T{element("thead"), T::kRowGroup, S::kNone},
    T{element("tfoot"), T::kRowGroup, S::kNone},
    T{element("tr"), T::kRow, S::kNone},
    T{element("td"), T::kCell, S::kBlank},
    T{element("th"), T::kCell, S::kBlank},

    T{element("li"), T::kItem, S::kBlank},
    T{element("option"), T::kItem, S::kNone},
    T{element("dt"), T::kTerm, S::kBlank},
    T{element("dd"), T::kTerm, S::kBlank},
    T{element("title"), T::kVerbatim | T::kReferences, S::kParagraph},
    T{element("textarea"), T::kVerbatim | T::kReferences, S::kNone},
    T{element("iframe"), T::kVerbatim, S::kNone},
    T{element("script"), T::kRaw, S::kNone},
    T{element("style"), T::kRaw, S::kNone},
};

// Open addressing; at most a quarter full.
inline constexpr size_t kSlots = 256;
inline constexpr std::array<ElementTraits, kSlots> kSlotted = [] {
  std::array<ElementTraits, kSlots> slots{};
  for (const ElementTraits& traits : kTable) {
    size_t slot = traits.name % kSlots;
    while (slots[slot].name != 0) slot = (slot + 1) % kSlots;
    slots[slot] = traits;
  }
  return slots;
}();

}  // namespace elements

// An element that is not in the table has no traits but its name.
constexpr ElementTraits traits_of(uint32_t name) {
  for (size_t slot = name % elements::kSlots;; slot = (slot + 1) % elements::kSlots) {
    const ElementTraits& traits = elements::kSlotted[slot];
    if (traits.name == name && name != 0) return traits;
    if (traits.name == 0) return {name, 0, ElementTraits::Space::kNone};
  }
}

}  // namespace postern::mime
