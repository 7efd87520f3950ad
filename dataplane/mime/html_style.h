// Which HTML elements a reader does not see.
//
// Theory of operation. Open elements are kept on a stack of fixed depth with what their style makes
// of their text: "display:none" hides everything inside, "visibility" and a font size of nothing
// can be revoked further in. End tags close as browsers do it: up to their start tag, but not out
// of a table cell; some start tags close the element before them. Style sheets and colours are not
// read.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/mime/html_elements.h"

namespace postern::mime {

struct Style {
  bool none = false;       // display:none, hidden, mso-hide, opacity:0
  bool invisible = false;  // visibility:hidden
  bool tiny = false;       // font-size of at most one pixel
  bool hides() const { return none || invisible || tiny; }
};

// What an element inside `outer` with this style attribute looks like.
Style read_style(std::string_view declarations, Style outer);

class OpenElements {
 public:
  static constexpr size_t kDepth = 128;

  void begin();
  bool hidden() const { return style().hides(); }
  Style style() const { return depth_ == 0 ? Style{} : stack_[depth_ - 1].style; }

  // A start tag; elements that have no end tag (br, img …) must not be told.
  void open(const ElementTraits& element, Style style);
  void close(const ElementTraits& element);
  // Closes what a start tag closes by itself: call before reading its style.
  void make_room_for(const ElementTraits& element);

 private:
  struct Open {
    ElementTraits element;
    Style style;
  };
  void pop_to(size_t depth);
  void end_cells(const ElementTraits& element);

  std::array<Open, kDepth> stack_;
  size_t depth_ = 0;
  uint32_t beyond_ = 0;  // elements open deeper than the stack
};

}  // namespace postern::mime
