#include "dataplane/mime/paragraphs.h"

#include <emmintrin.h>

#include <algorithm>
#include <cstring>

#include "dataplane/mime/ascii.h"

namespace postern::mime {
namespace {

enum Class : uint8_t { kOrdinary, kBlank, kCarriageReturn, kLineFeed, kNul, kRareLead };

constexpr std::array<uint8_t, 256> make_classes() {
  std::array<uint8_t, 256> classes{};
  for (char c : {' ', '\t', '\v', '\f'}) classes[static_cast<uint8_t>(c)] = kBlank;
  classes['\r'] = kCarriageReturn;
  classes['\n'] = kLineFeed;
  classes[0] = kNul;
  // The first octets of sequences that white_space() or unseen() may know.
  for (uint8_t lead : {0xc2, 0xcd, 0xd8, 0xe1, 0xe2, 0xe3, 0xef}) classes[lead] = kRareLead;
  return classes;
}
constexpr std::array<uint8_t, 256> kClasses = make_classes();
constexpr uint8_t class_of(char c) { return kClasses[static_cast<uint8_t>(c)]; }

// Sixteen octets at a time, words of ASCII and single blanks between them; begins with a word.
const char* plain_words(const char* p, const char* end) {
  const __m128i blank = _mm_set1_epi8(' ');
  if (p < end && *p == ' ') return p;
  while (end - p >= 16) {
    const __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const auto words = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpgt_epi8(octets, blank)));
    const auto blanks = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(octets, blank)));
    if ((words | blanks) != 0xffff || (blanks & blanks << 1) != 0) break;
    p += 16 - (blanks >> 15);  // what follows a blank at the end is not known yet
  }
  return p;
}

bool is_white_space(char32_t c) {
  return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
         c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}
bool is_unseen(char32_t c) {
  return c == 0xad || c == 0x34f || c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

}  // namespace

void Paragraphs::begin(bool keep_unseen) {
  keep_unseen_ = keep_unseen;
  started_ = false;
  white_ = {};
  size_ = 0;
}

void Paragraphs::heading(std::string_view text) {
  append(text);
  if (size_ == 0) sink_->paragraph({});
  end_paragraph();
}

void Paragraphs::text(std::string_view utf8) { put<false>(utf8); }
void Paragraphs::inline_text(std::string_view utf8) { put<true>(utf8); }

template <bool kInline>
void Paragraphs::put(std::string_view utf8) {
  if (utf8.empty()) return;
  started_ = true;
  const char* p = utf8.data();
  const char* const end = p + utf8.size();
  while (p < end) {
    const char* start = p;
    // Words and the single blanks between them need no change.
    p = plain_words(p, end);
    while (p < end) {
      if (class_of(*p) == kOrdinary) {
        ++p;
      } else if (*p == ' ' && p > start && end - p > 1 && class_of(p[1]) == kOrdinary) {
        p += 2;
      } else {
        break;
      }
    }
    if (p > start) {
      settle();
      append({start, static_cast<size_t>(p - start)});
      if (p == end) break;
    }
    switch (class_of(*p)) {
      case kCarriageReturn:
        kInline ? soft_blank() : carriage_return();
        ++p;
        break;
      case kLineFeed:
        kInline ? soft_blank() : line_end();
        ++p;
        break;
      case kBlank:
        kInline ? soft_blank() : blank();
        ++p;
        break;
      case kNul:
        if (keep_unseen_) {  // to SpamAssassin it ends a paragraph
          settle();
          end_paragraph();
        }
        ++p;
        break;
      default:
        p += put_rare({p, static_cast<size_t>(end - p)});
    }
  }
}

// A character outside of ASCII that may be white space or unseen; returns its length.
size_t Paragraphs::put_rare(std::string_view utf8) {
  const uint8_t lead = static_cast<uint8_t>(utf8[0]);
  const size_t length = std::min<size_t>(lead < 0xe0 ? 2 : 3, utf8.size());
  char32_t c = lead & (lead < 0xe0 ? 0x1f : 0x0f);
  for (size_t i = 1; i < length; ++i) c = c << 6 | (static_cast<uint8_t>(utf8[i]) & 0x3f);
  if (is_white_space(c)) {
    blank();
  } else if (keep_unseen_ || !is_unseen(c)) {
    settle();
    append(utf8.substr(0, length));
  }
  return length;
}

void Paragraphs::soft_blank() {
  white_.any = true;
  if (!white_.in_text && white_.texts < 3) ++white_.texts;
  white_.in_text = true;
}

void Paragraphs::carriage_return() {
  settle_carriage_return();
  white_.carriage_return = white_.any = true;
}

// A carriage return that no line feed followed is a blank.
void Paragraphs::settle_carriage_return() {
  if (white_.carriage_return) blank();
}

void Paragraphs::line_end() {
  white_.carriage_return = false;
  started_ = white_.any = true;
  // The texts next to this line end and to the one before lose their blanks; others keep them.
  if (white_.line_ends == 0 && white_.texts >= 2) white_.blank_before = true;
  white_.texts = 0;
  white_.in_text = false;
  if (white_.line_ends < 2) ++white_.line_ends;
  white_.blank_after = false;
}

void Paragraphs::blank() {
  white_.carriage_return = false;
  started_ = white_.any = true;
  if (white_.line_ends == 0) white_.blank_before = true;
  white_.blank_after = true;
}

void Paragraphs::part_limit() {
  if (started_) line_end();
}

// Text follows, or the end: the run of white space becomes what it means.
void Paragraphs::settle() {
  if (!white_.any) return;
  settle_carriage_return();
  if (white_.line_ends < 2) {
    append(" ");
  } else {
    if (white_.blank_before) append(" ");
    end_paragraph();
    if (white_.blank_after || white_.texts >= 2) append(" ");
  }
  white_ = {};
}

void Paragraphs::append(std::string_view utf8) {
  while (!utf8.empty()) {
    const size_t taken = std::min(utf8.size(), buffer_.size() - size_);
    std::memcpy(buffer_.data() + size_, utf8.data(), taken);
    size_ += taken;
    utf8.remove_prefix(taken);
    if (size_ > kPieceBytes) split();
  }
}

// Tells what stands before the last blank, or, without one, as many whole characters as fit.
void Paragraphs::split() {
  const std::string_view text(buffer_.data(), size_);
  size_t cut = text.rfind(' ') + 1;  // npos + 1 is 0
  if (cut == 0) {
    cut = kPieceBytes;
    while (cut > kPieceBytes - 4 && (static_cast<uint8_t>(text[cut]) & 0xc0) == 0x80) --cut;
  }
  cut = std::min(cut, size_);
  sink_->paragraph(text.substr(0, cut));
  size_ -= cut;
  std::memmove(buffer_.data(), buffer_.data() + cut, size_);
}

void Paragraphs::end_paragraph() {
  if (size_ == kPieceBytes) split();  // its line end would be the byte too many
  if (size_ > 0 && buffer_[size_ - 1] == ' ') buffer_[size_++] = '\n';
  if (size_ > 0) sink_->paragraph({buffer_.data(), size_});
  size_ = 0;
}

void Paragraphs::finish() {
  settle();
  if (size_ > 0) sink_->paragraph({buffer_.data(), size_});
  size_ = 0;
}

}  // namespace postern::mime
