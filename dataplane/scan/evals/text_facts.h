// Facts of a message's text: its paragraphs, its lines, and how far the text of an alternative is
// that of its HTML.
//
// Theory of operation. Paragraphs and lines are counted and forgotten. The words of a
// multipart/alternative are counted by their hash, kWords of them; in a text with more the later
// ones are not compared.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "dataplane/mime/fixed_text.h"

namespace postern::scan::evals {

// The words of an alternative's texts, and what part of the HTML's is not in the other's.
class AlternativeWords {
 public:
  static constexpr size_t kWords = 2048;

  AlternativeWords();
  // Of a message.
  void begin();
  // A new alternative begins; one under way ends.
  void begin_alternative();
  void begin_part(bool html);
  void text(std::string_view utf8);
  void break_word();
  void image() { image_ = image_ || html_; }
  void finish() { end_alternative(); }

  // The greatest difference of all alternatives, in percent; of the last, how many words.
  double difference() const { return difference_; }
  uint32_t html_words() const { return html_words_; }
  uint32_t text_words() const { return text_words_; }

 private:
  struct Word {
    uint64_t hash = 0;
    uint32_t html = 0;
    uint32_t text = 0;
  };

  void end_word();
  void end_alternative();

  std::unique_ptr<std::array<Word, 2 * kWords>> words_;
  uint32_t count_ = 0;
  bool html_ = false;
  bool image_ = false;
  uint64_t hash_ = 0;
  bool in_word_ = false;
  bool has_letter_ = false;
  double difference_ = 0;
  uint32_t html_words_ = 0;
  uint32_t text_words_ = 0;
};

// Told of the labels of "Label: something" in the first plain text: their letters, lower case.
class LabelSink {
 public:
  virtual ~LabelSink() = default;
  virtual void label(std::string_view letters) = 0;
};

class TextFacts {
 public:
  explicit TextFacts(LabelSink* labels) : labels_(labels) {}

  void begin();
  // A body paragraph, with the line end or blank that SpamAssassin's has.
  void paragraph(std::string_view text, bool has_end);
  // As RenderSink::rawbody() tells it.
  void raw_line(std::string_view text);
  void part_end() { in_line_ = false; }
  // Of text/plain.
  void plain_text(std::string_view utf8);
  void plain_text_end();

  // Percent of capitals among letters and digits; 0 of short texts.
  double capitals() const;
  // Percent of blank lines; -1 with fewer than `least` lines.
  double blank_lines(double least) const;
  // The most blanks to 100 other characters of any paragraph; -1 when there is none.
  int most_blanks() const { return most_blanks_; }

 private:
  void label_line(std::string_view line);

  uint64_t length_ = 0;
  uint64_t capitals_ = 0;
  uint64_t others_ = 0;
  uint64_t lines_ = 0;
  uint64_t blank_ = 0;
  bool in_line_ = false;
  bool line_blank_ = true;
  uint32_t blank_run_ = 0;
  int most_blanks_ = -1;
  LabelSink* labels_;
  mime::FixedText<2048> line_;
  bool labels_over_ = false;
};

}  // namespace postern::scan::evals
