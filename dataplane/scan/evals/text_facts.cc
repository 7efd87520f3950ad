#include "dataplane/scan/evals/text_facts.h"

#include <algorithm>

#include "dataplane/mime/ascii.h"

namespace postern::scan::evals {
namespace {

using mime::is_alnum;
using mime::is_space;

bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }

// White space between two characters that are none.
bool has_inner_space(std::string_view text) {
  const std::string_view inner = mime::trim(text);
  return std::ranges::any_of(inner, is_space);
}

// Two runs of base64, 60 to 76 characters each with a blank behind, at the beginning.
bool is_base64(std::string_view text) {
  for (int run = 0; run < 2; ++run) {
    size_t length = 0;
    while (length < text.size() && (is_alnum(text[length]) || text[length] == '+' ||
                                    text[length] == '/' || text[length] == '=')) {
      ++length;
    }
    if (length < 60 || length > 76 || !text.substr(length).starts_with(' ')) return false;
    text.remove_prefix(length + 1);
  }
  return true;
}

// What lies between the escape sequences of shift-JIS is no text of letters.
void cut_shift_jis(std::string_view text, std::string_view& before, std::string_view& after) {
  constexpr std::string_view kBegin = "\x1b$B";
  constexpr std::string_view kEnd = "\x1b(B";
  const size_t begin = text.find(kBegin);
  const size_t end = text.rfind(kEnd);
  if (begin == text.npos || end == text.npos || end < begin + kBegin.size()) {
    before = text;
    after = {};
    return;
  }
  before = text.substr(0, begin);
  after = text.substr(end + kEnd.size());
}

}  // namespace

AlternativeWords::AlternativeWords() : words_(std::make_unique<std::array<Word, 2 * kWords>>()) {}

void AlternativeWords::begin() {
  if (count_ > 0) words_->fill({});
  count_ = html_words_ = text_words_ = 0;
  difference_ = 0;
  hash_ = 0;
  in_word_ = has_letter_ = image_ = html_ = false;
}

void AlternativeWords::begin_alternative() {
  end_alternative();
  if (count_ > 0) words_->fill({});
  count_ = 0;
  image_ = false;
}

void AlternativeWords::begin_part(bool html) {
  end_word();
  html_ = html;
}

void AlternativeWords::text(std::string_view utf8) {
  constexpr uint64_t kBasis = 14695981039346656037u;  // FNV-1a
  constexpr uint64_t kPrime = 1099511628211u;
  for (size_t i = 0; i < utf8.size(); ++i) {
    char c = utf8[i];
    const bool wide_blank = html_ && utf8.substr(i, 2) == "\xc2\xa0";
    if (wide_blank) ++i;
    if (wide_blank || is_space(c)) {
      end_word();
      continue;
    }
    if (!in_word_) hash_ = kBasis;
    in_word_ = true;
    has_letter_ = has_letter_ || is_alnum(c) || c == '_' || static_cast<signed char>(c) < 0;
    hash_ = (hash_ ^ static_cast<uint8_t>(c)) * kPrime;
  }
}

void AlternativeWords::break_word() { end_word(); }

void AlternativeWords::end_word() {
  const bool counts = in_word_ && has_letter_;
  in_word_ = has_letter_ = false;
  if (!counts) return;
  const uint64_t hash = hash_ | 1;
  for (size_t at = (hash >> 17) % words_->size();; at = (at + 1) % words_->size()) {
    Word& word = (*words_)[at];
    if (word.hash != 0 && word.hash != hash) continue;
    if (word.hash == 0) {
      if (count_ == kWords) return;
      ++count_;
      word.hash = hash;
    }
    ++(html_ ? word.html : word.text);
    return;
  }
}

void AlternativeWords::end_alternative() {
  end_word();
  uint32_t html = 0;
  uint32_t text = 0;
  uint32_t left = 0;
  if (count_ > 0) {
    for (const Word& word : *words_) {
      if (word.html > 0) ++html;
      if (word.text > 0) ++text;
      if (word.html > 0 && (word.text == 0 || word.html > word.text)) ++left;
    }
  }
  // Pictures without a word are something that the text lacks.
  if (html == 0 && image_) html = left = 1;
  image_ = false;
  if (html == 0) return;
  html_words_ = html;
  text_words_ = text;
  difference_ = std::max(difference_, 100.0 * left / html);
}

void TextFacts::begin() { *this = TextFacts(labels_); }

void TextFacts::paragraph(std::string_view text, bool has_end) {
  const size_t length = text.size() + (has_end ? 0 : 1);
  if (length > 5) {
    const auto blanks = static_cast<size_t>(std::ranges::count(text, ' '));
    const size_t others = length - blanks;
    const size_t percent = blanks > others || others == 0 ? 100 : 100 * blanks / others;
    most_blanks_ = std::max(most_blanks_, static_cast<int>(percent));
  }
  if (!has_inner_space(text) || is_base64(text)) return;
  std::string_view before;
  std::string_view after;
  cut_shift_jis(text, before, after);
  length_ += before.size() + after.size() + (has_end ? 0 : 1);
  for (std::string_view piece : {before, after}) {
    for (char c : piece) {
      if (is_capital(c)) {
        ++capitals_;
      } else if (is_alnum(c)) {
        ++others_;
      }
    }
  }
}

double TextFacts::capitals() const {
  constexpr uint64_t kShort = 200;
  if (length_ < kShort || capitals_ + others_ == 0) return 0;
  return 100.0 * static_cast<double>(capitals_) / static_cast<double>(capitals_ + others_);
}

void TextFacts::raw_line(std::string_view text) {
  if (text.empty()) return;
  if (!in_line_) {
    ++lines_;
    ++blank_;
    line_blank_ = true;
    in_line_ = true;
  }
  if (line_blank_ && !std::ranges::all_of(text, is_space)) {
    line_blank_ = false;
    --blank_;
  }
  if (text.back() != '\n') return;
  in_line_ = false;
  // Of many blank lines on end SpamAssassin leaves twenty.
  constexpr uint32_t kMostOnEnd = 20;
  blank_run_ = line_blank_ ? blank_run_ + 1 : 0;
  if (blank_run_ <= kMostOnEnd) return;
  --blank_run_;
  --lines_;
  --blank_;
}

double TextFacts::blank_lines(double least) const {
  if (static_cast<double>(lines_) < std::max(least, 1.0)) return -1;
  return 100.0 * static_cast<double>(blank_) / static_cast<double>(lines_);
}

void TextFacts::plain_text(std::string_view utf8) {
  if (labels_over_) return;
  while (!utf8.empty()) {
    const size_t end = utf8.find('\n');
    line_.append(utf8.substr(0, end));
    if (end == utf8.npos) return;
    label_line(line_.view());
    line_.clear();
    utf8.remove_prefix(end + 1);
  }
}

void TextFacts::plain_text_end() {
  if (!labels_over_) label_line(line_.view());
  labels_over_ = true;
}

// "Label: something", the label of 3 to 30 characters.
void TextFacts::label_line(std::string_view line) {
  const std::string_view text = mime::trim(line);
  const size_t colon = text.find(':');
  if (colon == text.npos || colon + 1 >= text.size()) return;
  const std::string_view label = mime::trim(text.substr(0, colon));
  if (label.size() < 3 || label.size() > 30) return;
  mime::FixedText<32> letters;
  for (char c : label) {
    if (mime::is_alpha(c)) letters.append(mime::to_lower(c));
  }
  labels_->label(letters.view());
}

}  // namespace postern::scan::evals
