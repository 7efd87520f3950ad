#include "dataplane/mime/html_text.h"

#include <utility>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/charset.h"

namespace postern::mime {
namespace {

using std::string_view_literals::operator""sv;

constexpr OctetSet kLineEndsAndTabs("\t\r\n"), kRefreshEnds("'\";");
constexpr size_t kMaxNumber = 256;  // characters of a numeric reference in an attribute

std::string_view between(const char* p, const char* end) {
  return {p, static_cast<size_t>(end - p)};
}

bool leads_somewhere(uint32_t tag, std::string_view name) {
  switch (to_lower(name[0])) {
    case 'h':
      return equals_ignoring_case(name, "href");
    case 's':
      return equals_ignoring_case(name, "src");
    case 'a':
      return equals_ignoring_case(name, "action");
    case 'b':
      return equals_ignoring_case(name, "background");
    case 'f':
      return equals_ignoring_case(name, "formaction");
    case 'x':
      return equals_ignoring_case(name, "xlink:href");
    case 'p':
      return equals_ignoring_case(name, "poster");
    case 'd':
      return equals_ignoring_case(name, "data-saferedirecturl") ||
             (tag == element("object") && equals_ignoring_case(name, "data"));
    default:
      return false;
  }
}

// Texts that a mail program shows only in place of something or when pointed at.
bool describes(std::string_view name) {
  for (std::string_view attribute :
       {"alt", "title", "value", "placeholder", "label", "summary", "aria-label"}) {
    if (equals_ignoring_case(name, attribute)) return true;
  }
  return false;
}

uint32_t hash_name(std::string_view name) {
  char lower[16];
  if (name.size() > sizeof lower) return 0;
  for (size_t i = 0; i < name.size(); ++i) lower[i] = to_lower(name[i]);
  return element({lower, name.size()});
}

// Of the elements in which no tag counts but that one.
std::string_view end_tag_of(uint32_t name) {
  for (std::string_view tag : {"/script", "/style", "/title", "/textarea", "/iframe", "/xmp"}) {
    if (element(tag.substr(1)) == name) return tag;
  }
  return {};
}

size_t name_length(std::string_view tag) {
  size_t length = 0;
  while (length < tag.size() && !is_space(tag[length]) && tag[length] != '/') ++length;
  return length;
}

}  // namespace

void HtmlText::begin(bool asides, TextObserver* observer) {
  asides_ = asides;
  observer_ = observer;
  if (observer_ != nullptr) observer_->html_begin();
  state_ = State::kText;
  verbatim_ = false;
  references_ = true;
  open_.begin();
  token_.clear();
  tag_.clear();
}

void HtmlText::feed(std::string_view utf8) {
  const char* p = utf8.data();
  const char* const end = p + utf8.size();
  if (observer_ != nullptr) observer_->html_source(utf8);
  while (p < end) {
    switch (state_) {
      case State::kText:
        p = in_text(p, end);
        break;
      case State::kEntity:
        p = in_entity(p, end);
        break;
      case State::kOpening:
        p = in_opening(p, end);
        break;
      case State::kTag:
        p = in_tag(p, end);
        break;
      case State::kComment: {
        const char* const start = p;
        p = in_comment(p, end);
        if (asides_) sink_->html_aside(between(start, p));
        if (asides_ && state_ != State::kComment) sink_->html_aside_end();
        if (observer_ != nullptr)
          observer_->html_comment(between(start, p), state_ != State::kComment);
        break;
      }
      case State::kDeclaration: {
        const char* const start = p;
        const void* close = std::memchr(p, '>', static_cast<size_t>(end - p));
        p = close == nullptr ? end : static_cast<const char*>(close) + 1;
        if (observer_ != nullptr) observer_->html_declaration(between(start, p), close != nullptr);
        if (close == nullptr) return;
        sink_->html_text_end();
        state_ = State::kText;
        break;
      }
      case State::kRaw:
        p = in_raw(p, end);
        break;
      case State::kRawOpening:
        p = in_raw_opening(p, end);
        break;
    }
  }
}

void HtmlText::finish() {
  // What looked like the beginning of something is text after all. An unfinished tag or comment is
  // nothing to browsers.
  if (state_ == State::kEntity) end_entity(false);
  if (state_ == State::kOpening || (state_ == State::kRawOpening && verbatim_)) {
    text("<");
    text(token_.view());
  }
  state_ = State::kText;
  if (observer_ != nullptr) observer_->html_end();
}

void HtmlText::text(std::string_view utf8) {
  if (utf8.empty()) return;
  sink_->html_text(utf8, open_.hidden());
  if (observer_ != nullptr) observer_->html_text(utf8);
}

const char* HtmlText::in_text(const char* p, const char* end) {
  const char* stop = find_any(p, end, '<', '&', '\xe2');
  text(between(p, stop));
  if (stop == end) return end;
  if (*stop == '\xe2') {
    // SpamAssassin takes typographic double quotes in mark-up for plain ones, and its rules rely on
    // that. Characters come whole; where they are none, only what continues one is taken with it.
    ptrdiff_t length = 1;
    while (length < 3 && length < end - stop &&
           (static_cast<uint8_t>(stop[length]) & 0xc0) == 0x80) {
      ++length;
    }
    const std::string_view sequence(stop, static_cast<size_t>(length));
    text(sequence == "\u201c" || sequence == "\u201d" ? "\"" : sequence);
    return stop + sequence.size();
  }
  if (*stop == '&' && !references_) {
    text("&");
    return stop + 1;
  }
  token_.clear();
  if (*stop == '<' && !verbatim_) {
    // As in_opening() would find out, octet by octet.
    const bool closing = end - stop > 2 && stop[1] == '/';
    const char* const name = stop + (closing ? 2 : 1);
    if (name < end && is_alpha(*name)) {
      begin_tag(closing);
      return in_tag(name, end);
    }
  }
  state_ = *stop == '&' ? State::kEntity : verbatim_ ? State::kRawOpening : State::kOpening;
  return stop + 1;
}

void HtmlText::begin_tag(bool closing) {
  closing_ = closing;
  tag_.clear();
  tag_state_ = TagState::kName;
  state_ = State::kTag;
}

const char* HtmlText::in_entity(const char* p, const char* end) {
  while (p < end) {
    const bool goes_on = is_alnum(*p) || (*p == '#' && token_.empty());
    if (!goes_on || token_.full()) {
      state_ = State::kText;
      return end_entity(*p == ';') ? p + 1 : p;
    }
    // Zeros before a number, of which there may be any number, are one.
    const bool zeros =
        *p == '0' && (token_.view() == "#0" || equals_ignoring_case(token_.view(), "#x0"));
    if (!zeros) token_.append(*p);
    ++p;
  }
  return p;
}

// Tells what the reference stands for; true when the ";" belonged to it.
bool HtmlText::end_entity(bool closed) {
  const std::string_view name = token_.view();
  const Entity entity = find_entity(name, closed, true);
  if (entity.length == 0) {
    text("&");
    text(name);
    return false;
  }
  char utf8[4];
  // "&nbsp;" is a blank like others, as SpamAssassin has it; U+00A0 is one that stays beside tags.
  const bool nbsp = closed && name == "nbsp";
  text(nbsp ? std::string_view(" ") : std::string_view(utf8, put_utf8(entity.code_point, utf8)));
  text(name.substr(entity.length));
  return closed && entity.length == name.size();
}

const char* HtmlText::in_opening(const char* p, const char* end) {
  for (; p < end; ++p) {
    const std::string_view before = token_.view();
    if (before.empty() || before == "/") {
      if (is_alpha(*p)) {
        begin_tag(!before.empty());
        return p;
      }
      if (before.empty() && (*p == '/' || *p == '!')) {
        token_.append(*p);
        continue;
      }
      if (before.empty() && *p != '?') {  // "a < b"
        text("<");
        state_ = State::kText;
        return p;
      }
    } else if (*p == '-') {
      if (before == "!-") {
        state_ = State::kComment;
        dashes_ = 2;  // "<!-->" is a whole comment
        bang_ = false;
        return p + 1;
      }
      token_.append(*p);
      continue;
    }
    state_ = State::kDeclaration;  // also "</ ", "<?" and what else browsers do not show
    if (observer_ != nullptr) {
      observer_->html_declaration("<", false);
      observer_->html_declaration(before, false);
    }
    return p;
  }
  return p;
}

const char* HtmlText::in_comment(const char* p, const char* end) {
  while (p < end) {
    if (dashes_ == 0) {
      const void* dash = std::memchr(p, '-', static_cast<size_t>(end - p));
      if (dash == nullptr) return end;
      p = static_cast<const char*>(dash);
    }
    const char c = *p++;
    if (c == '>' && dashes_ >= 2) {
      sink_->html_text_end();
      state_ = State::kText;
      return p;
    }
    if (c == '-') {
      dashes_ = bang_ ? 1 : dashes_ < 2 ? dashes_ + 1 : 2;
      bang_ = false;
    } else if (c == '!' && dashes_ == 2 && !bang_) {
      bang_ = true;
    } else {
      dashes_ = 0;
      bang_ = false;
    }
  }
  return p;
}

// Follows the tag to its ">", which is returned, or to `end`.
const char* HtmlText::scan_tag(const char* p, const char* end) {
  const char* quote = p;  // none before it
  for (; p < end; ++p) {
    if (p >= quote && tag_state_ != TagState::kSingle && tag_state_ != TagState::kDouble) {
      // Only a quote can keep the next ">" from being the tag's end.
      quote = find_any(p, end, '>', '"', '\'');
      if (quote < end && *quote == '>') return quote;
      ++quote;
    }
    const char c = *p;
    switch (tag_state_) {
      case TagState::kSingle:
      case TagState::kDouble: {
        const char closing = tag_state_ == TagState::kSingle ? '\'' : '"';
        p = find_either(p, end, closing, closing);
        if (p == end) return end;
        tag_state_ = TagState::kBetween;
        break;
      }
      case TagState::kValue:
        if (is_space(c)) break;
        if (c == '>') return p;
        tag_state_ = c == '"'    ? TagState::kDouble
                     : c == '\'' ? TagState::kSingle
                                 : TagState::kUnquoted;
        break;
      case TagState::kUnquoted:
        if (c == '>') return p;
        if (is_space(c)) tag_state_ = TagState::kBetween;
        break;
      case TagState::kName:
      case TagState::kBetween:
      case TagState::kAttribute:
        if (c == '>') return p;
        if (c == '=' && tag_state_ == TagState::kAttribute) {
          tag_state_ = TagState::kValue;
        } else if (c == '/') {
          tag_state_ = TagState::kBetween;
        } else if (is_space(c)) {
          // A "=" may still follow an attribute's name.
          if (tag_state_ == TagState::kName) tag_state_ = TagState::kBetween;
        } else if (tag_state_ == TagState::kBetween) {
          tag_state_ = TagState::kAttribute;
        }
    }
  }
  return p;
}

const char* HtmlText::in_tag(const char* p, const char* end) {
  const char* close = scan_tag(p, end);
  if (close == end) {
    tag_.append(between(p, end));
    return end;
  }
  state_ = State::kText;
  if (tag_.empty()) {
    tag(between(p, close).substr(0, kTagBytes));
  } else {
    tag_.append(between(p, close));
    tag(tag_.view());
  }
  return close + 1;
}

void HtmlText::tag(std::string_view content) {
  sink_->html_text_end();
  const size_t length = name_length(content);
  const ElementTraits element = traits_of(hash_name(content.substr(0, length)));
  if (observer_ != nullptr) observer_->html_tag(content.substr(0, length), closing_);
  if (closing_) {
    open_.close(element);
  } else {
    start_tag(element, content.substr(length));
  }
  if (observer_ != nullptr) observer_->html_tag_end();
  switch (element.space) {
    case ElementTraits::Space::kNone:
      break;
    case ElementTraits::Space::kBlank:
      sink_->html_blank();
      break;
    case ElementTraits::Space::kLineEnd:
      sink_->html_line_ends(1);
      break;
    case ElementTraits::Space::kParagraph:
      sink_->html_line_ends(2);
  }
}

void HtmlText::start_tag(const ElementTraits& element, std::string_view attributes) {
  open_.make_room_for(element);
  Style style = open_.style();
  bool styled = false;
  while (true) {
    size_t at = 0;
    while (at < attributes.size() && (is_space(attributes[at]) || attributes[at] == '/')) ++at;
    attributes.remove_prefix(at);
    if (attributes.empty()) break;
    size_t length = 1;  // a "=" may begin a name
    while (length < attributes.size() && !is_space(attributes[length]) &&
           attributes[length] != '/' && attributes[length] != '=') {
      ++length;
    }
    const std::string_view attribute_name = attributes.substr(0, length);
    attributes.remove_prefix(length);
    at = 0;
    while (at < attributes.size() && is_space(attributes[at])) ++at;
    std::string_view value;
    if (at < attributes.size() && attributes[at] == '=') {
      ++at;
      while (at < attributes.size() && is_space(attributes[at])) ++at;
      attributes.remove_prefix(at);
      if (!attributes.empty() && (attributes[0] == '"' || attributes[0] == '\'')) {
        const size_t close = attributes.find(attributes[0], 1);
        value = attributes.substr(1, close == attributes.npos ? close : close - 1);
        attributes.remove_prefix(close == attributes.npos ? attributes.size() : close + 1);
      } else {
        size_t end = 0;
        while (end < attributes.size() && !is_space(attributes[end])) ++end;
        value = attributes.substr(0, end);
        attributes.remove_prefix(end);
      }
    }
    if (observer_ != nullptr) observer_->html_attribute(attribute_name, decode_attribute(value));
    // Of two styles the first counts.
    if (equals_ignoring_case(attribute_name, "style") && std::exchange(styled, true)) continue;
    attribute(element.name, attribute_name, value, style);
  }
  if (element.has(ElementTraits::kRaw)) {
    raw_end_ = end_tag_of(element.name);
    state_ = State::kRaw;
  } else if (!element.has(ElementTraits::kVoid)) {
    open_.open(element, style);
    verbatim_ = element.has(ElementTraits::kVerbatim);
    references_ = !verbatim_ || element.has(ElementTraits::kReferences);
    if (verbatim_) raw_end_ = end_tag_of(element.name);
  }
}

void HtmlText::attribute(uint32_t tag, std::string_view name, std::string_view value,
                         Style& style) {
  if (equals_ignoring_case(name, "style")) {
    style = read_style(decode_attribute(value), style);
  } else if (equals_ignoring_case(name, "hidden")) {
    style.none = true;
  } else if (asides_ && describes(name)) {
    sink_->html_aside(decode_attribute(value));
    sink_->html_aside_end();
  } else if (leads_somewhere(tag, name)) {
    uri(value);
  } else if (tag == element("meta") && equals_ignoring_case(name, "content")) {
    refresh(value);
  }
}

// The value with its character references read; valid until the next call.
std::string_view HtmlText::decode_attribute(std::string_view value) {
  size_t mark = value.find('&');
  if (mark == value.npos) return value;
  value_.clear();
  while (mark != value.npos) {
    value_.append(value.substr(0, mark));
    value.remove_prefix(mark + 1);
    size_t length = 0;
    const size_t longest = value.starts_with('#') ? kMaxNumber : kMaxEntityName;
    while (length < value.size() && length <= longest &&
           (is_alnum(value[length]) || (length == 0 && value[0] == '#'))) {
      ++length;
    }
    const bool closed = length < value.size() && value[length] == ';';
    const Entity entity = find_entity(value.substr(0, length), closed, false);
    if (entity.length == 0) {
      value_.append('&');
    } else {
      char utf8[4];
      value_.append(std::string_view(utf8, put_utf8(entity.code_point, utf8)));
      value.remove_prefix(entity.length + (closed && entity.length == length ? 1 : 0));
    }
    mark = value.find('&');
  }
  value_.append(value);
  return value_.view();
}

void HtmlText::uri(std::string_view value) {
  std::string_view text = trim(decode_attribute(value)).substr(0, kUriBytes);
  // Typographic quotes around a value are a mailer's mistake for plain ones.
  for (std::string_view quote : {"\u201c"sv, "\u201d"sv}) {
    if (text.starts_with(quote)) text.remove_prefix(quote.size());
    if (text.ends_with(quote)) text.remove_suffix(quote.size());
  }
  if (kLineEndsAndTabs.find_in(text) != text.size()) {
    // Line ends and tabs within are dropped, as browsers do it.
    size_t kept = 0;
    char* const out = value_.data();
    for (char c : text) {
      if (c != '\t' && c != '\r' && c != '\n') out[kept++] = c;
    }
    value_.resize(kept);
    text = value_.view();
  }
  if (!text.empty()) sink_->html_uri(text);
}

// <meta http-equiv=refresh content="0; url=http://…">
void HtmlText::refresh(std::string_view content) {
  for (size_t at = 0; at + 4 <= content.size(); ++at) {
    if (!starts_ignoring_case(content.substr(at), "url")) continue;
    std::string_view rest = trim(content.substr(at + 3));
    if (!rest.starts_with('=')) continue;
    rest = trim(rest.substr(1));
    if (rest.starts_with('\'') || rest.starts_with('"')) rest.remove_prefix(1);
    uri(rest.substr(0, kRefreshEnds.find_in(rest)));
    return;
  }
}

const char* HtmlText::in_raw(const char* p, const char* end) {
  const void* less = std::memchr(p, '<', static_cast<size_t>(end - p));
  if (less == nullptr) return end;
  token_.clear();
  state_ = State::kRawOpening;
  return static_cast<const char*>(less) + 1;
}

const char* HtmlText::in_raw_opening(const char* p, const char* end) {
  while (p < end) {
    const size_t at = token_.size();
    if (at == raw_end_.size()) {
      const bool ends = is_space(*p) || *p == '/' || *p == '>';
      if (verbatim_) {
        if (ends) return end_verbatim(p);
        break;
      }
      state_ = ends ? State::kDeclaration : State::kRaw;
      if (ends && observer_ != nullptr) {
        observer_->html_tag(raw_end_.substr(1), true);
        observer_->html_tag_end();
      }
      return p;
    }
    if (to_lower(*p) != raw_end_[at]) {
      if (verbatim_) break;
      state_ = State::kRaw;
      return p;
    }
    token_.append(*p++);
  }
  if (p < end) {  // text after all
    text("<");
    text(token_.view());
    state_ = State::kText;
  }
  return p;
}

// Behind the name of the end tag, which then is read like any other.
const char* HtmlText::end_verbatim(const char* p) {
  verbatim_ = false;
  references_ = true;
  begin_tag(true);
  tag_.assign(raw_end_.substr(1));
  return p;
}

}  // namespace postern::mime
