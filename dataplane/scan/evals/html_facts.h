// Facts of one HTML part: its tags, its images, its texts' colours and sizes.
//
// Theory of operation. Tags come in as they are read; what they say is counted at once, so memory
// does not grow with the part: a table of tags by name (kTags of them, later ones are not told
// apart), a stack of text styles (kStyles deep), the comment, title and anchor under way (their
// first kStringBytes). SpamAssassin's own reading decides what is an element, which attributes
// count, and that a background given as an attribute does not.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "dataplane/mime/fixed_text.h"
#include "dataplane/scan/evals/html_colors.h"

namespace postern::scan::evals {

// Texts of which each is matched by itself.
enum class HtmlString : uint8_t { kComment, kTitle, kAnchor };

class HtmlStringSink {
 public:
  virtual ~HtmlStringSink() = default;
  virtual void html_string(HtmlString kind, std::string_view text) = 0;
};

class HtmlFacts {
 public:
  static constexpr size_t kTags = 512;
  static constexpr size_t kStyles = 128;
  static constexpr size_t kStringBytes = 4096;

  explicit HtmlFacts(HtmlStringSink* strings) : strings_(strings) {}

  void begin();
  void source(std::string_view utf8);
  void tag(std::string_view name, bool closing);
  void attribute(std::string_view name, std::string_view value);
  void tag_end();
  void text(std::string_view utf8);
  void comment(std::string_view utf8, bool ended);
  void declaration(std::string_view utf8, bool ended);
  void end();

  bool any() const { return length_ > 0; }
  // How often the tag is open; nothing when it never was there.
  std::optional<int> inside(uint32_t tag) const;
  // By the names of eval_words(EvalArgument::kHtmlFlag) and kHtmlNumber, in their order.
  bool flag(size_t name) const;
  std::optional<double> number(size_t name) const;
  uint64_t length() const { return length_; }
  double image_area() const { return image_area_; }
  uint64_t letters() const { return letters_; }  // characters that are no white space
  uint64_t longest_title() const { return longest_title_; }
  bool has_frame() const { return frame_; }
  // The face attribute under way, for who tells whether it is odd; told by face_seen().
  std::string_view face() const { return face_.view(); }
  void face_is_bad() { bad_face_ = true; }
  bool face_seen() const { return has_face_; }

 private:
  struct Inside {
    uint32_t tag = 0;
    int count = 0;
  };
  struct Style {
    uint32_t tag = 0;
    Colors colors;
    int size = 3;
  };

  Inside& slot(uint32_t tag);
  void start_tag();
  void open_style();
  void close_style();
  void close_cells(uint32_t tag);
  void image();
  void white_space(uint32_t tag);
  void end_string(HtmlString kind);

  HtmlStringSink* strings_;
  uint64_t length_ = 0;
  uint64_t letters_ = 0;
  bool carriage_return_ = false;
  std::array<Inside, 2 * kTags> inside_;  // open addressing
  size_t names_ = 0;
  Inside other_;  // of tags that found no room

  uint32_t tags_ = 0;
  uint32_t elements_ = 0;
  uint32_t tag_names_ = 0;
  uint32_t element_names_ = 0;
  uint32_t closed_extra_ = 0;
  uint32_t obfuscations_ = 0;
  double image_area_ = 0;
  int largest_ = 3;
  int smallest_ = 3;
  int base_size_ = 3;
  bool embeds_ = false;
  bool form_mails_ = false;
  bool low_contrast_ = false;
  bool bad_face_ = false;
  bool invalid_color_ = false;
  bool frame_ = false;
  uint64_t longest_title_ = 0;

  std::array<Style, kStyles> styles_;
  size_t style_ = 0;  // the one in force

  // The tag under way.
  uint32_t tag_ = 0;
  bool closing_ = false;
  bool namespaced_ = false;
  bool has_face_ = false;
  bool has_source_ = false;
  bool has_width_ = false;
  bool has_height_ = false;
  bool has_style_ = false;
  bool has_color_ = false;
  bool has_size_ = false;
  bool mails_ = false;
  mime::FixedText<256> face_;
  mime::FixedText<1024> style_text_;
  mime::FixedText<64> color_;
  mime::FixedText<16> size_;
  mime::FixedText<16> width_;
  mime::FixedText<16> height_;

  // Text.
  bool fresh_ = true;        // mark-up stood before
  bool after_word_ = false;  // the text before it ends in a letter or digit
  mime::FixedText<kStringBytes> comment_;
  mime::FixedText<kStringBytes> title_;
  mime::FixedText<kStringBytes> anchor_;
  uint64_t title_length_ = 0;
  bool in_comment_ = false;
  bool has_title_ = false;
  bool has_anchor_ = false;
};

}  // namespace postern::scan::evals
