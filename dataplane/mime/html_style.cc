#include "dataplane/mime/html_style.h"

#include <algorithm>

#include "dataplane/mime/ascii.h"

namespace postern::mime {
namespace {

using T = ElementTraits;

// A length that shows nothing: below or at one pixel or point, or nothing of anything.
bool is_tiny(std::string_view value) {
  if (value.empty() || !(is_digit(value[0]) || value[0] == '.')) return false;
  double number = 0;
  double place = 1;
  size_t at = 0;
  bool fraction = false;
  for (; at < value.size() && (is_digit(value[at]) || (value[at] == '.' && !fraction)); ++at) {
    if (value[at] == '.') {
      fraction = true;
    } else if (fraction) {
      place /= 10;
      number += (value[at] - '0') * place;
    } else {
      number = number * 10 + (value[at] - '0');
      if (number > 1000) return false;
    }
  }
  const std::string_view unit = trim(value.substr(at));
  if (number == 0) return true;
  const bool small_unit = unit.empty() || starts_ignoring_case(unit, "px") ||
                          starts_ignoring_case(unit, "pt") || starts_ignoring_case(unit, "%");
  return small_unit ? number <= 1 : number < 0.1;
}

bool is_zero(std::string_view value) {
  if (value.empty()) return false;
  for (char c : value) {
    if (c != '0' && c != '.') return false;
  }
  return true;
}

// Where a declaration ends: a ";" in a string, in brackets or in a comment is part of it.
size_t declaration_length(std::string_view text) {
  char quote = 0;
  size_t brackets = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\') {
      ++at;
    } else if (quote != 0) {
      if (c == quote || c == '\n') quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '/' && text.substr(at).starts_with("/*")) {
      at = text.find("*/", at + 2);
      if (at == text.npos) return text.size();
      ++at;
    } else if (c == '(') {
      ++brackets;
    } else if (c == ')') {
      if (brackets > 0) --brackets;
    } else if (c == ';' && brackets == 0) {
      return at;
    }
  }
  return text.size();
}

std::string_view without_important(std::string_view value) {
  const size_t mark = value.find('!');
  return trim(value.substr(0, mark));
}

}  // namespace

Style read_style(std::string_view declarations, Style outer) {
  Style style = outer;
  bool hidden_by_outlook = false;
  bool transparent = false;
  bool display_important = false;  // then no later one counts that is not
  while (!declarations.empty()) {
    const size_t end = declaration_length(declarations);
    const std::string_view declaration = declarations.substr(0, end);
    declarations.remove_prefix(std::min(end + 1, declarations.size()));
    const size_t colon = declaration.find(':');
    if (colon == declaration.npos) continue;
    const std::string_view property = trim(declaration.substr(0, colon));
    const std::string_view value = without_important(declaration.substr(colon + 1));
    if (equals_ignoring_case(property, "display")) {
      const bool important = declaration.find('!') != declaration.npos;
      if (display_important && !important) continue;
      display_important = important;
      style.none = outer.none || equals_ignoring_case(value, "none");
    } else if (equals_ignoring_case(property, "mso-hide")) {
      hidden_by_outlook = equals_ignoring_case(value, "all");
    } else if (equals_ignoring_case(property, "visibility")) {
      style.invisible = equals_ignoring_case(value, "hidden") ||
                        equals_ignoring_case(value, "collapse") ||
                        (outer.invisible && equals_ignoring_case(value, "inherit"));
    } else if (equals_ignoring_case(property, "opacity")) {
      transparent = is_zero(value);
    } else if (equals_ignoring_case(property, "font-size") ||
               equals_ignoring_case(property, "font")) {
      const bool size_first = property.size() > 4;
      // The shorthand's size is the first word that is a length.
      std::string_view size = value;
      while (!size_first && !size.empty() && !is_digit(size[0]) && size[0] != '.') {
        const size_t blank = size.find(' ');
        size = blank == size.npos ? std::string_view{} : trim(size.substr(blank));
      }
      if (size_first || !size.empty())
        style.tiny = is_tiny(size.substr(0, size.find_first_of(" /")));
    }
  }
  style.none = style.none || hidden_by_outlook || transparent;
  return style;
}

void OpenElements::begin() {
  depth_ = 0;
  beyond_ = 0;
}

void OpenElements::pop_to(size_t depth) {
  depth_ = depth;
  beyond_ = 0;
}

void OpenElements::open(const ElementTraits& element, Style style) {
  if (depth_ == kDepth) {
    ++beyond_;
    return;
  }
  stack_[depth_++] = {element, style};
}

void OpenElements::close(const ElementTraits& element) {
  if (beyond_ > 0) {
    --beyond_;
    return;
  }
  for (size_t at = depth_; at > 0; --at) {
    const ElementTraits& open = stack_[at - 1].element;
    if (open.name == element.name) return pop_to(at - 1);
    // </div> in a cell does not close the div around the table; nor does </td> an outer cell.
    if (open.has(T::kTable)) return;
    if (open.has(T::kCell) && !element.has(T::kTablePart)) return;
  }
}

void OpenElements::make_room_for(const ElementTraits& element) {
  if (element.has(T::kCell | T::kRow | T::kRowGroup)) return end_cells(element);
  if (!element.has(T::kBlock | T::kItem | T::kTerm)) return;
  for (size_t at = depth_; at > 0; --at) {
    const ElementTraits& open = stack_[at - 1].element;
    if ((open.has(T::kParagraph) && element.has(T::kBlock)) ||
        (element.has(T::kItem) && open.name == element.name) ||
        (element.has(T::kTerm) && open.has(T::kTerm))) {
      return pop_to(at - 1);
    }
    // Nothing is closed out of the block, list or cell that it stands in.
    if (open.has(T::kBlock | T::kTablePart)) return;
  }
}

// A cell ends the cell before it, a row also the row, a group also the group.
void OpenElements::end_cells(const ElementTraits& element) {
  for (size_t at = depth_; at > 0; --at) {
    const ElementTraits& open = stack_[at - 1].element;
    if (open.has(T::kTable)) return;
    if (open.has(T::kCell) || (!element.has(T::kCell) && open.has(T::kRow)) ||
        (element.has(T::kRowGroup) && open.has(T::kRowGroup))) {
      pop_to(at - 1);
    }
  }
}

}  // namespace postern::mime
