#include "dataplane/scan/evals/html_facts.h"

#include <algorithm>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/html_elements.h"

namespace postern::scan::evals {
namespace {

using mime::element;
using mime::is_alnum;
using mime::is_digit;
using mime::is_space;

// What SpamAssassin takes for elements of HTML, and what it only knows.
constexpr std::array kElements = [] {
  std::array names{
      element("a"),        element("abbr"),       element("acronym"),  element("address"),
      element("area"),     element("b"),          element("base"),     element("bdo"),
      element("big"),      element("blockquote"), element("body"),     element("br"),
      element("button"),   element("caption"),    element("cite"),     element("code"),
      element("col"),      element("colgroup"),   element("dd"),       element("del"),
      element("dfn"),      element("div"),        element("dl"),       element("dt"),
      element("em"),       element("fieldset"),   element("form"),     element("h1"),
      element("h2"),       element("h3"),         element("h4"),       element("h5"),
      element("h6"),       element("head"),       element("hr"),       element("html"),
      element("i"),        element("img"),        element("input"),    element("ins"),
      element("kbd"),      element("label"),      element("legend"),   element("li"),
      element("link"),     element("map"),        element("meta"),     element("noscript"),
      element("object"),   element("ol"),         element("optgroup"), element("option"),
      element("p"),        element("param"),      element("pre"),      element("q"),
      element("samp"),     element("script"),     element("select"),   element("small"),
      element("span"),     element("strong"),     element("style"),    element("sub"),
      element("sup"),      element("table"),      element("tbody"),    element("td"),
      element("textarea"), element("tfoot"),      element("th"),       element("thead"),
      element("title"),    element("tr"),         element("tt"),       element("ul"),
      element("var"),      element("applet"),     element("basefont"), element("center"),
      element("dir"),      element("font"),       element("frame"),    element("frameset"),
      element("iframe"),   element("isindex"),    element("menu"),     element("noframes"),
      element("s"),        element("strike"),     element("u"),        element("nobr"),
      element("x-sigsep"), element("x-tab")};
  std::ranges::sort(names);
  return names;
}();
constexpr std::array kTricks{element("bgsound"), element("embed"), element("listing"),
                             element("plaintext"), element("xmp")};

bool is_element(uint32_t tag) { return std::ranges::binary_search(kElements, tag); }
bool is_known(uint32_t tag) {
  return is_element(tag) || std::ranges::find(kTricks, tag) != kTricks.end();
}

constexpr uint32_t kA = element("a");
constexpr uint32_t kBody = element("body");
constexpr uint32_t kFont = element("font");
constexpr uint32_t kBaseFont = element("basefont");
constexpr uint32_t kTd = element("td");
constexpr uint32_t kTr = element("tr");
constexpr uint32_t kBig = element("big");
constexpr uint32_t kSmall = element("small");
constexpr uint32_t kTitle = element("title");

constexpr std::array kStyled{kBody,
                             kFont,
                             element("table"),
                             kTr,
                             element("th"),
                             kTd,
                             kBig,
                             kSmall,
                             kBaseFont,
                             element("marquee"),
                             element("span"),
                             element("p"),
                             element("div"),
                             kA};
// Of them, those whose style attribute counts.
constexpr std::array kStyleCounts{element("table"), kTr, kTd, element("span"), element("p"),
                                  element("div"),   kA};

template <typename Tags>
bool is_one_of(uint32_t tag, const Tags& tags) {
  return std::ranges::find(tags, tag) != tags.end();
}

// "o:p", "st1:place"
bool is_namespaced(std::string_view name) {
  const size_t colon = name.find(':');
  if (colon == name.npos || colon + 1 == name.size()) return false;
  const std::string_view before = name.substr(0, colon);
  const bool office =
      before == "o" || (before.size() == 3 && before.starts_with("st") && is_digit(before[2]));
  return office && std::ranges::all_of(name.substr(colon + 1),
                                       [](char c) { return is_alnum(c) || c == '_' || c == '-'; });
}

// The digits at the beginning of `text`; -1 when there are none.
double leading_number(std::string_view text, size_t* length) {
  double value = 0;
  *length = 0;
  while (*length < text.size() && is_digit(text[*length]))
    value = 10 * value + (text[(*length)++] - '0');
  return *length == 0 ? -1 : value;
}

// Pixels of "120" or, of a screen `percent` wide or high, "50%"; what is neither is guessed.
double pixels(std::string_view text, double percent) {
  constexpr double kGuess = 200;
  size_t length = 0;
  double value = leading_number(text, &length);
  const std::string_view rest = text.substr(length);
  if (rest == "%") {
    value *= percent;
  } else if (!rest.empty()) {
    value = 0;
  }
  return value > 0 ? value : kGuess;
}

// A letter or digit, or what is no ASCII: what words are made of.
bool is_word_or_8bit(char c) { return is_alnum(c) || static_cast<signed char>(c) < 0; }

uint64_t characters(std::string_view utf8) {
  return static_cast<uint64_t>(
      std::ranges::count_if(utf8, [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

}  // namespace

void HtmlFacts::begin() {
  length_ = letters_ = longest_title_ = title_length_ = 0;
  carriage_return_ = false;
  inside_.fill({});
  names_ = 0;
  other_ = {};
  tags_ = elements_ = tag_names_ = element_names_ = closed_extra_ = obfuscations_ = 0;
  image_area_ = 0;
  largest_ = smallest_ = base_size_ = 3;
  embeds_ = form_mails_ = low_contrast_ = bad_face_ = invalid_color_ = frame_ = false;
  styles_[0] = {};
  style_ = 0;
  fresh_ = true;
  after_word_ = in_comment_ = has_title_ = has_anchor_ = false;
  comment_.clear();
  title_.clear();
  anchor_.clear();
}

void HtmlFacts::source(std::string_view utf8) {
  length_ += characters(utf8);
  // Line ends count as one character.
  for (size_t at = utf8.find('\n'); at != utf8.npos; at = utf8.find('\n', at + 1)) {
    if (at == 0 ? carriage_return_ : utf8[at - 1] == '\r') --length_;
  }
  if (!utf8.empty()) carriage_return_ = utf8.back() == '\r';
}

HtmlFacts::Inside& HtmlFacts::slot(uint32_t tag) {
  size_t at = tag % inside_.size();
  while (inside_[at].tag != tag && inside_[at].tag != 0) at = (at + 1) % inside_.size();
  if (inside_[at].tag == tag) return inside_[at];
  if (names_ == kTags) return other_;
  ++names_;
  inside_[at].tag = tag;
  ++tag_names_;
  if (is_element(tag) || namespaced_) ++element_names_;
  return inside_[at];
}

std::optional<int> HtmlFacts::inside(uint32_t tag) const {
  for (size_t at = tag % inside_.size();; at = (at + 1) % inside_.size()) {
    if (inside_[at].tag == tag) return inside_[at].count;
    if (inside_[at].tag == 0) return std::nullopt;
  }
}

void HtmlFacts::tag(std::string_view name, bool closing) {
  mime::FixedText<64> lower;
  for (char c : name) lower.append(mime::to_lower(c));
  tag_ = element(lower.view());
  if (tag_ == 0) tag_ = 1;
  closing_ = closing;
  namespaced_ = is_namespaced(lower.view());
  has_face_ = has_source_ = has_width_ = has_height_ = has_style_ = has_color_ = has_size_ =
      mails_ = false;
}

void HtmlFacts::attribute(std::string_view name, std::string_view value) {
  const auto is = [name](std::string_view what) { return mime::equals_ignoring_case(name, what); };
  if (closing_ || name.size() > 8) return;
  if (is("style")) {
    has_style_ = true;
    style_text_.assign(value);
  } else if (is("src")) {
    has_source_ = !mime::trim(value).empty();
  } else if (is("width")) {
    has_width_ = true;
    width_.assign(value);
  } else if (is("height")) {
    has_height_ = true;
    height_.assign(value);
  } else if (is("size")) {
    has_size_ = true;
    size_.assign(value);
  } else if (is("face")) {
    has_face_ = tag_ == kFont;
    face_.assign(value);
  } else if (is("color") ? tag_ == kFont || tag_ == kBaseFont : is("text") && tag_ == kBody) {
    has_color_ = true;
    color_.assign(value);
  } else if (is("action")) {
    for (size_t i = 0; i + 7 <= value.size(); ++i)
      mails_ = mails_ || mime::starts_ignoring_case(value.substr(i), "mailto:");
  }
}

void HtmlFacts::tag_end() {
  fresh_ = true;
  Inside& inside = slot(tag_);
  if (is_element(tag_) || namespaced_) ++elements_;
  ++tags_;
  inside.count += closing_ ? -1 : 1;
  if (inside.count < 0) {
    inside.count = 0;
    ++closed_extra_;
  }
  if (namespaced_ || !is_known(tag_)) return;
  if (is_one_of(tag_, kStyled)) closing_ ? close_style() : open_style();
  white_space(tag_);
  if (!closing_) start_tag();
}

void HtmlFacts::white_space(uint32_t tag) {
  if (mime::traits_of(tag).space == mime::ElementTraits::Space::kNone) return;
  after_word_ = false;
}

void HtmlFacts::start_tag() {
  if (tag_ == element("img")) image();
  if (tag_ == element("iframe") && has_source_) frame_ = true;
  if (tag_ == element("form") && mails_) form_mails_ = true;
  if (tag_ == element("object") || tag_ == element("embed")) embeds_ = true;
  if (tag_ == kA) {
    end_string(HtmlString::kAnchor);
    has_anchor_ = true;
  }
  if (tag_ == kTitle) {
    end_string(HtmlString::kTitle);
    has_title_ = true;
  }
}

void HtmlFacts::image() {
  if (inside(kA).value_or(0) > 0) anchor_.append("<img>\n");
  if (!has_width_ || !has_height_) return;
  // A screen of 800 by 600.
  image_area_ += pixels(width_.view(), 8) * pixels(height_.view(), 6);
}

void HtmlFacts::end_string(HtmlString kind) {
  if (kind == HtmlString::kTitle) {
    if (has_title_) strings_->html_string(kind, title_.view());
    longest_title_ = std::max(longest_title_, title_length_);
    title_.clear();
    title_length_ = 0;
    has_title_ = false;
  } else {
    if (has_anchor_) strings_->html_string(kind, anchor_.view());
    anchor_.clear();
    has_anchor_ = false;
  }
}

void HtmlFacts::close_cells(uint32_t tag) {
  bool open = false;
  for (size_t i = 1; i <= style_; ++i) open = open || styles_[i].tag == tag;
  while (open && style_ > 0) {
    const uint32_t top = styles_[style_].tag;
    if (top != kFont && top != kTd && !(tag == kTr && top == kTr)) return;
    --style_;
  }
}

void HtmlFacts::open_style() {
  size_t digits = 0;
  const std::string_view size = mime::trim(size_.view());
  if (tag_ == kBaseFont && has_size_ && leading_number(size, &digits) >= 0) {
    base_size_ = static_cast<int>(std::min(leading_number(size, &digits), 1e6));
    return;
  }
  const uint32_t tag = tag_ == element("th") ? kTd : tag_;
  if (tag == kTd || tag == kTr) close_cells(tag);
  if (style_ + 1 == kStyles) return;
  Style style = styles_[style_];
  const Color parent_background = style.colors.background;
  style.tag = tag;
  if (tag == kBig || tag == kSmall) {
    style.size += tag == kBig ? 1 : -1;
    styles_[++style_] = style;
    return;
  }
  bool counted = false;
  if (has_color_) {
    counted = true;
    style.colors.text = color_of(color_.view());
  }
  if (has_size_ && (tag == kFont || tag == kBaseFont)) {
    counted = true;
    const bool relative = size.starts_with('+') || size.starts_with('-');
    const double value = leading_number(size.substr(relative ? 1 : 0), &digits);
    const int whole = static_cast<int>(std::clamp(value, -1.0, 1e6));
    if (digits > 0) {
      style.size = !relative ? whole : base_size_ + (size[0] == '-' ? -whole : whole);
    }
  }
  if (has_style_ && is_one_of(tag, kStyleCounts)) {
    counted = true;
    apply_style(style_text_.view(), parent_background, style.colors);
  }
  if (counted && style.size > largest_) {
    largest_ = style.size;
  } else if (counted && style.size < smallest_) {
    smallest_ = style.size;
  }
  styles_[++style_] = style;
}

void HtmlFacts::close_style() {
  if (tag_ == kBody) return;
  const uint32_t tag = tag_ == element("th") ? kTd : tag_;
  for (size_t i = style_; i > 0; --i) {
    if (styles_[i].tag != tag) continue;
    style_ = i - 1;
    return;
  }
}

void HtmlFacts::text(std::string_view utf8) {
  if (inside(kA).value_or(0) > 0) anchor_.append(utf8);
  if (inside(kTitle).value_or(0) > 0) {
    title_.append(utf8);
    title_length_ += utf8.size();
  }
  uint64_t letters = 0;
  for (size_t i = 0; i < utf8.size(); ++i) {
    const char c = utf8[i];
    if (is_space(c) || (static_cast<uint8_t>(c) & 0xc0) == 0x80) continue;
    if (utf8.substr(i, 2) != "\xc2\xa0") ++letters;
  }
  letters_ += letters;
  if (letters > 0) {
    const Contrast seen = contrast(styles_[style_].colors);
    low_contrast_ = low_contrast_ || seen == Contrast::kLow;
    invalid_color_ = invalid_color_ || seen == Contrast::kInvalid;
  }
  if (fresh_ && after_word_ && is_word_or_8bit(utf8[0])) ++obfuscations_;
  fresh_ = false;
  after_word_ = is_word_or_8bit(utf8.back());
}

void HtmlFacts::comment(std::string_view utf8, bool ended) {
  if (!in_comment_) comment_.assign("<!--");
  in_comment_ = !ended;
  comment_.append(utf8);
  if (!ended) return;
  strings_->html_string(HtmlString::kComment, comment_.view());
  comment_.clear();
  fresh_ = true;
}

void HtmlFacts::declaration(std::string_view utf8, bool ended) {
  comment_.append(utf8);
  if (!ended) return;
  const std::string_view all = comment_.view();
  if (mime::starts_ignoring_case(all, "<!doctype")) {
    ++elements_;
    ++tags_;
    const uint32_t names = tag_names_;
    const uint32_t element_names = element_names_;
    namespaced_ = false;
    slot(element("!doctype")).count = 0;
    tag_names_ = names;
    element_names_ = element_names;
  } else if (!all.starts_with("<?") && !(all.size() > 2 && mime::is_alpha(all[2]))) {
    strings_->html_string(HtmlString::kComment, all);
  }
  comment_.clear();
  fresh_ = true;
}

void HtmlFacts::end() {
  end_string(HtmlString::kTitle);
  end_string(HtmlString::kAnchor);
  // SpamAssassin closes what would swallow the rest.
  for (uint32_t tag : {element("script"), element("style")}) {
    if (inside(tag).value_or(0) > 0) slot(tag).count = 0;
  }
}

bool HtmlFacts::flag(size_t name) const {
  const std::array flags{any(), embeds_, form_mails_, low_contrast_, bad_face_, invalid_color_};
  return any() && flags[name];
}

std::optional<double> HtmlFacts::number(size_t name) const {
  const auto ratio = [](uint32_t part, uint32_t whole) -> std::optional<double> {
    if (whole == 0) return std::nullopt;
    return static_cast<double>(part) / whole;
  };
  switch (name) {
    case 0:
      return static_cast<double>(length_);
    case 1:
      return image_area_;
    case 2:
      return largest_;
    case 3:
      return smallest_;
    case 4:
      return elements_ == 0 ? std::nullopt : ratio(tags_ - elements_, tags_);
    case 5:
      return element_names_ == 0 ? std::nullopt : ratio(tag_names_ - element_names_, tag_names_);
    case 6:
      return obfuscations_ == 0 ? std::nullopt : ratio(obfuscations_, tags_);
    default:
      return ratio(closed_extra_, tags_);
  }
}

}  // namespace postern::scan::evals
