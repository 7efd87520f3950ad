#include "dataplane/mime/letter_folds.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uspoof.h>
#include <unicode/ustring.h>

#include <optional>
#include <string>

#include "dataplane/mime/ascii.h"

namespace postern::mime {
namespace {

// Scripts with thousands of characters that look like no Latin letter.
bool is_plain_script(char32_t c) {
  return (c >= 0x3040 && c < 0x3200) || (c >= 0x3400 && c < 0xa4d0) ||
         (c >= 0xac00 && c < 0xf900) || (c >= 0x10000 && c < 0x1d000) ||
         (c >= 0x1e000 && c < 0x1f100) || c >= 0x1f200;
}

class Builder {
 public:
  Builder() {
    UErrorCode error = U_ZERO_ERROR;
    decomposed_ = unorm2_getNFKDInstance(&error);
    spoof_ = uspoof_open(&error);
    if (U_FAILURE(error)) decomposed_ = nullptr;
  }
  ~Builder() {
    if (spoof_ != nullptr) uspoof_close(spoof_);
  }
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;

  uint32_t fold(char32_t c) const {
    const uint32_t itself = LetterFolds::kItself | static_cast<uint32_t>(u_tolower(to_icu(c)));
    if (c < 0x80) return static_cast<uint8_t>(to_lower(static_cast<char>(c)));
    if (is_unseen(c)) return LetterFolds::kDropped;
    if (u_isUWhiteSpace(to_icu(c))) return ' ';
    if (decomposed_ == nullptr || is_plain_script(c)) return itself;
    const std::u16string plain = decompose(c);
    if (plain.empty()) return LetterFolds::kDropped;
    if (const auto ascii = as_ascii(plain)) return *ascii;
    // A capital that looks like "I" has the "l" for its prototype: its small letter tells better.
    const auto look = as_letters(prototype(plain));
    if (look && *look != 'l') return *look;
    const auto small = as_letters(prototype(lower(plain)));
    return small ? *small : look ? *look : itself;
  }

 private:
  static UChar32 to_icu(char32_t c) { return static_cast<UChar32>(c); }

  static bool is_unseen(char32_t c) {
    const int type = u_charType(to_icu(c));
    return type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK || type == U_FORMAT_CHAR ||
           type == U_CONTROL_CHAR ||
           u_hasBinaryProperty(to_icu(c), UCHAR_DEFAULT_IGNORABLE_CODE_POINT);
  }

  // Without what decomposing leaves of marks.
  static std::u16string without_marks(std::u16string_view text) {
    std::u16string kept;
    for (int32_t at = 0; at < static_cast<int32_t>(text.size());) {
      const int32_t start = at;
      UChar32 c;
      U16_NEXT(text.data(), at, static_cast<int32_t>(text.size()), c);
      if (is_unseen(static_cast<char32_t>(c))) continue;
      kept.append(text.substr(static_cast<size_t>(start), static_cast<size_t>(at - start)));
    }
    return kept;
  }

  std::u16string decompose(char32_t c) const {
    UChar in[2];
    int32_t size = 0;
    U16_APPEND_UNSAFE(in, size, c);
    UChar out[64];
    UErrorCode error = U_ZERO_ERROR;
    const int32_t made = unorm2_normalize(decomposed_, in, size, out, 64, &error);
    if (U_FAILURE(error)) return {in, static_cast<size_t>(size)};
    return without_marks({out, static_cast<size_t>(made)});
  }

  std::u16string prototype(const std::u16string& text) const {
    UChar out[64];
    UErrorCode error = U_ZERO_ERROR;
    const int32_t made = uspoof_getSkeleton(spoof_, 0, text.data(),
                                            static_cast<int32_t>(text.size()), out, 64, &error);
    if (U_FAILURE(error)) return text;
    return without_marks({out, static_cast<size_t>(made)});
  }

  static std::u16string lower(const std::u16string& text) {
    UChar out[64];
    UErrorCode error = U_ZERO_ERROR;
    const int32_t made =
        u_strToLower(out, 64, text.data(), static_cast<int32_t>(text.size()), "", &error);
    if (U_FAILURE(error)) return text;
    return {out, static_cast<size_t>(made)};
  }

  // One to three characters of ASCII, small; what is longer is no look-alike.
  static std::optional<uint32_t> as_ascii(std::u16string_view text) {
    if (text.empty() || text.size() > 3) return std::nullopt;
    uint32_t fold = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] <= ' ' || text[i] >= 0x7f) return std::nullopt;
      fold |= static_cast<uint32_t>(static_cast<uint8_t>(to_lower(static_cast<char>(text[i]))))
              << 8 * i;
    }
    return fold;
  }

  static std::optional<uint32_t> as_letters(std::u16string_view text) {
    if (text == u"rn") return 'm';  // what Unicode has for the prototype of all that look like "m"
    for (char16_t unit : text) {
      if (unit >= 0x80 || !is_alnum(static_cast<char>(unit))) return std::nullopt;
    }
    return as_ascii(text);
  }

  const UNormalizer2* decomposed_ = nullptr;
  USpoofChecker* spoof_ = nullptr;
};

}  // namespace

const LetterFolds& LetterFolds::table() {
  static const LetterFolds folds;
  return folds;
}

LetterFolds::LetterFolds() {
  const Builder builder;
  for (char32_t begin = 0; begin < kEnd; begin += 256) {
    Page page;
    for (char32_t i = 0; i < 256; ++i) page[i] = builder.fold(begin + i);
    page_of_[begin / 256] = static_cast<uint16_t>(pages_.size());
    pages_.push_back(page);
  }
}

}  // namespace postern::mime
