// Visible text to SpamAssassin's body lines.
//
// Theory of operation. Text goes in as UTF-8, in whole characters; a run of white space becomes one
// blank, or ends the paragraph when it holds two line ends. A paragraph comes out in pieces of at
// most 2,049 bytes, cut after a blank where there is one: the pieces are the very lines that
// SpamAssassin matches body rules against, less their line end, unless a blank before it would make
// the line look like one that was cut. White space is Unicode's; NUL,
// zero-width and formatting characters are not seen by a reader and are dropped.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace postern::mime {

class ParagraphSink {
 public:
  virtual ~ParagraphSink() = default;
  virtual void paragraph(std::string_view text) = 0;
};

class Paragraphs {
 public:
  static constexpr size_t kPieceBytes = 2048;

  explicit Paragraphs(ParagraphSink* sink) : sink_(sink) {}

  // `keep_unseen`: zero-width characters stay, as SpamAssassin leaves them.
  void begin(bool keep_unseen);
  // A paragraph of its own, told as it is, even when empty.
  void heading(std::string_view text);
  // Plain text: its line ends are line ends.
  void text(std::string_view utf8);
  // Text between tags: line ends are blanks, and blanks vanish beside the line ends that tags make:
  // those of the text next to the tag, as SpamAssassin has it, not those before another tag.
  void inline_text(std::string_view utf8);
  void inline_text_end() { white_.in_text = false; }
  // What tags and part limits make.
  void line_end();
  void blank();
  // A line end when any text came before.
  void part_limit();
  void finish();
  // Text or white space came.
  bool started() const { return started_; }

 private:
  struct WhiteSpace {       // the run under way
    uint8_t line_ends = 0;  // at most 2 are counted
    bool blank_before = false;
    bool blank_after = false;
    uint8_t texts = 0;             // between tags, with blanks, since the last line end
    bool in_text = false;          // the last of them goes on
    bool carriage_return = false;  // not yet known whether a line feed follows
    bool any = false;
  };

  template <bool kInline>
  void put(std::string_view utf8);
  size_t put_rare(std::string_view utf8);
  void soft_blank();
  void carriage_return();
  void settle_carriage_return();
  void settle();
  void append(std::string_view utf8);
  void split();
  void end_paragraph();

  ParagraphSink* sink_;
  bool keep_unseen_ = false;
  bool started_ = false;
  WhiteSpace white_;
  size_t size_ = 0;
  std::array<char, kPieceBytes + 1> buffer_;
};

}  // namespace postern::mime
