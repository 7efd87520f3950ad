#include "dataplane/mime/charset.h"

#include <algorithm>

#include "dataplane/mime/ascii.h"

namespace postern::mime {
namespace {

struct SingleByteCharset {
  const char* icu_name;
  std::string_view labels;  // separated by blanks, lower case
};

// Labels after the Encoding Standard's list, where mail uses them.
constexpr std::array kSingleByte{
    SingleByteCharset{"windows-1252",
                      "windows-1252 iso-8859-1 cp1252 x-cp1252 win-1252 windows1252 latin1 latin-1 "
                      "l1 iso8859-1 iso_8859-1 iso88591 iso-8859-1:1987 iso-ir-100 ibm819 cp819 "
                      "iso8859_1"},
    SingleByteCharset{"windows-1250", "windows-1250 cp1250 x-cp1250 win-1250 windows1250"},
    SingleByteCharset{"windows-1251", "windows-1251 cp1251 x-cp1251 win-1251 windows1251 win1251"},
    SingleByteCharset{"windows-1253", "windows-1253 cp1253 x-cp1253 windows1253"},
    SingleByteCharset{"windows-1254",
                      "windows-1254 cp1254 x-cp1254 windows1254 iso-8859-9 latin5 l5 iso8859-9 "
                      "iso_8859-9"},
    SingleByteCharset{"windows-1255", "windows-1255 cp1255 x-cp1255 windows1255"},
    SingleByteCharset{"windows-1256", "windows-1256 cp1256 x-cp1256 windows1256"},
    SingleByteCharset{"windows-1257", "windows-1257 cp1257 x-cp1257 windows1257"},
    SingleByteCharset{"windows-1258", "windows-1258 cp1258 x-cp1258 windows1258"},
    SingleByteCharset{"windows-874", "windows-874 cp874 tis-620 iso-8859-11 dos-874"},
    SingleByteCharset{"ISO-8859-2", "iso-8859-2 latin2 l2 iso8859-2 iso_8859-2"},
    SingleByteCharset{"ISO-8859-3", "iso-8859-3 latin3 iso8859-3 iso_8859-3"},
    SingleByteCharset{"ISO-8859-4", "iso-8859-4 latin4 iso8859-4 iso_8859-4"},
    SingleByteCharset{"ISO-8859-5", "iso-8859-5 cyrillic iso8859-5 iso_8859-5"},
    SingleByteCharset{"ISO-8859-6", "iso-8859-6 iso-8859-6-i iso-8859-6-e arabic iso8859-6"},
    SingleByteCharset{"ISO-8859-7", "iso-8859-7 greek greek8 iso8859-7 iso_8859-7"},
    SingleByteCharset{"ISO-8859-8", "iso-8859-8 iso-8859-8-i iso-8859-8-e hebrew iso8859-8"},
    SingleByteCharset{"ISO-8859-10", "iso-8859-10 latin6 iso8859-10"},
    SingleByteCharset{"ISO-8859-13", "iso-8859-13 iso8859-13"},
    SingleByteCharset{"ISO-8859-14", "iso-8859-14 iso8859-14"},
    SingleByteCharset{"ISO-8859-15", "iso-8859-15 latin9 latin-9 l9 iso8859-15 iso_8859-15"},
    SingleByteCharset{"KOI8-R", "koi8-r koi8 koi koi8r cskoi8r"},
    SingleByteCharset{"KOI8-U", "koi8-u koi8-ru"},
    SingleByteCharset{"IBM866", "ibm866 cp866 866"},
    SingleByteCharset{"macintosh", "macintosh mac x-mac-roman"},
};

// Names under which ICU knows what the label means in practice.
struct Alias {
  std::string_view label;
  const char* icu_name;
};
constexpr std::array kAliases{
    Alias{"gb2312", "gb18030"},
    Alias{"gbk", "gb18030"},
    Alias{"x-gbk", "gb18030"},
    Alias{"gb_2312-80", "gb18030"},
    Alias{"cp936", "gb18030"},
    Alias{"euc-cn", "gb18030"},
    Alias{"ks_c_5601-1987", "windows-949"},
    Alias{"euc-kr", "windows-949"},
    Alias{"ksc5601", "windows-949"},
    Alias{"cp949", "windows-949"},
    Alias{"shift_jis", "ibm-943_P15A-2003"},
    Alias{"shift-jis", "ibm-943_P15A-2003"},
    Alias{"sjis", "ibm-943_P15A-2003"},
    Alias{"x-sjis", "ibm-943_P15A-2003"},
    Alias{"windows-31j", "ibm-943_P15A-2003"},
    Alias{"cp932", "ibm-943_P15A-2003"},
    Alias{"big5", "windows-950"},
    Alias{"cp950", "windows-950"},
    Alias{"unicode-1-1-utf-7", "UTF-7"},
    Alias{"x-euc-jp", "euc-jp"},
    Alias{"ucs-2", "UTF-16"},
    Alias{"unicode", "UTF-16"},
};

constexpr std::array<std::string_view, 4> kUtf8Labels{"utf-8", "utf8", "unicode-1-1-utf-8",
                                                      "utf-8-sig"};
constexpr std::array<std::string_view, 7> kAsciiLabels{
    "", "us-ascii", "ascii", "ansi_x3.4-1968", "iso646-us", "7bit", "8bit"};

bool lists(std::string_view labels, std::string_view label) {
  for (size_t at = labels.find(label); at != labels.npos; at = labels.find(label, at + 1)) {
    const size_t end = at + label.size();
    if ((at == 0 || labels[at - 1] == ' ') && (end == labels.size() || labels[end] == ' ')) {
      return true;
    }
  }
  return false;
}

HighHalf read_high_half(const char* icu_name) {
  HighHalf high;
  high.fill(0xfffd);
  UErrorCode error = U_ZERO_ERROR;
  UConverter* converter = ucnv_open(icu_name, &error);
  if (U_FAILURE(error)) return high;
  for (size_t i = 0; i < high.size(); ++i) {
    const char octet = static_cast<char>(0x80 + i);
    UChar made[4];
    error = U_ZERO_ERROR;
    if (ucnv_toUChars(converter, made, 4, &octet, 1, &error) == 1 && U_SUCCESS(error)) {
      high[i] = made[0];
    }
  }
  ucnv_close(converter);
  return high;
}

const std::array<HighHalf, kSingleByte.size()>& high_halves() {
  static const auto tables = [] {
    std::array<HighHalf, kSingleByte.size()> made;
    for (size_t i = 0; i < made.size(); ++i) made[i] = read_high_half(kSingleByte[i].icu_name);
    return made;
  }();
  return tables;
}

// The bounds of a sequence's second byte (RFC 3629 4), and its length; 0 when `lead` begins none.
size_t sequence_length(uint8_t lead, uint8_t& low, uint8_t& high) {
  low = 0x80;
  high = 0xbf;
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) {
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
    return 3;
  }
  if (lead > 0xf4) return 0;
  if (lead == 0xf0) low = 0x90;
  if (lead == 0xf4) high = 0x8f;
  return 4;
}

// Unreadable octets become U+FFFD. Not so a shift sequence that nothing follows: ICU reports it,
// but mailers write it wherever they join ISO-2022 texts.
void substitute(const void* context, UConverterToUnicodeArgs* args, const char* octets,
                int32_t length, UConverterCallbackReason reason, UErrorCode* error) {
  if (reason == UCNV_IRREGULAR) {
    *error = U_ZERO_ERROR;
    return;
  }
  UCNV_TO_U_CALLBACK_SUBSTITUTE(context, args, octets, length, reason, error);
}

enum class Sequence { kWhole, kCut, kNone };

// What stands at the start of `text`, which is not empty; `length` is set when it is whole.
Sequence read_sequence(std::string_view text, size_t& length) {
  uint8_t low, high;
  length = sequence_length(static_cast<uint8_t>(text[0]), low, high);
  if (length == 0) return Sequence::kNone;
  for (size_t i = 1; i < length; ++i) {
    if (i == text.size()) return Sequence::kCut;
    const uint8_t byte = static_cast<uint8_t>(text[i]);
    if (byte < (i == 1 ? low : 0x80) || byte > (i == 1 ? high : 0xbf)) return Sequence::kNone;
  }
  return Sequence::kWhole;
}

}  // namespace

const HighHalf& windows_1252() { return high_halves()[0]; }

size_t put_utf8(char32_t c, char* out) {
  if (c < 0x80) {
    out[0] = static_cast<char>(c);
    return 1;
  }
  if (c < 0x800) {
    out[0] = static_cast<char>(0xc0 | c >> 6);
    out[1] = static_cast<char>(0x80 | (c & 0x3f));
    return 2;
  }
  if (c < 0x10000) {
    if (c >= 0xd800 && c < 0xe000) c = 0xfffd;
    out[0] = static_cast<char>(0xe0 | c >> 12);
    out[1] = static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out[2] = static_cast<char>(0x80 | (c & 0x3f));
    return 3;
  }
  if (c > 0x10ffff) return put_utf8(0xfffd, out);
  out[0] = static_cast<char>(0xf0 | c >> 18);
  out[1] = static_cast<char>(0x80 | (c >> 12 & 0x3f));
  out[2] = static_cast<char>(0x80 | (c >> 6 & 0x3f));
  out[3] = static_cast<char>(0x80 | (c & 0x3f));
  return 4;
}

size_t utf8_prefix(std::string_view text) {
  size_t at = 0;
  while (true) {
    at += ascii_prefix(text.substr(at));
    size_t length;
    if (at == text.size() || read_sequence(text.substr(at), length) != Sequence::kWhole) return at;
    at += length;
  }
}

bool is_utf8_beginning(std::string_view rest) {
  size_t length;
  return rest.empty() || read_sequence(rest, length) == Sequence::kCut;
}

ConverterCache::~ConverterCache() {
  for (Entry& entry : entries_) {
    if (entry.converter != nullptr) ucnv_close(entry.converter);
  }
}

Charset ConverterCache::find(std::string_view label) {
  FixedText<kLabelBytes> lower;
  lower.append(trim(label));
  std::transform(lower.data(), lower.data() + lower.size(), lower.data(), to_lower);
  const std::string_view name = lower.view();
  Charset charset;
  if (std::find(kUtf8Labels.begin(), kUtf8Labels.end(), name) != kUtf8Labels.end()) return charset;
  charset.kind = Charset::Kind::kSingleByte;
  charset.high = &windows_1252();
  if (std::find(kAsciiLabels.begin(), kAsciiLabels.end(), name) != kAsciiLabels.end()) {
    charset.guessed = true;
    return charset;
  }
  for (size_t i = 0; i < kSingleByte.size(); ++i) {
    if (!lists(kSingleByte[i].labels, name)) continue;
    charset.high = &high_halves()[i];
    return charset;
  }
  charset.converter = open(name, charset.known);
  charset.guessed = charset.converter == nullptr;
  if (charset.guessed) return charset;
  charset.kind = Charset::Kind::kConverter;
  // These write other characters with the octets of ASCII letters.
  charset.ascii_compatible =
      !(name.starts_with("utf-16") || name.starts_with("utf16") || name.starts_with("utf-32") ||
        name.starts_with("utf-7") || name.starts_with("iso-2022") || name.starts_with("hz") ||
        name.starts_with("unicode") || name.starts_with("ucs"));
  return charset;
}

UConverter* ConverterCache::open(std::string_view label, bool& known) {
  ++clock_;
  Entry* oldest = &entries_[0];
  for (Entry& entry : entries_) {
    if (entry.used != 0 && entry.label.view() == label) {
      entry.used = clock_;
      known = entry.converter != nullptr;
      return entry.converter;
    }
    if (entry.used < oldest->used) oldest = &entry;
  }
  if (oldest->converter != nullptr) ucnv_close(oldest->converter);
  oldest->label.assign(label);
  oldest->used = clock_;
  char name[kLabelBytes + 1];
  std::memcpy(name, label.data(), label.size());
  name[label.size()] = '\0';
  const char* icu_name = name;
  for (const Alias& alias : kAliases) {
    if (alias.label == label) icu_name = alias.icu_name;
  }
  UErrorCode error = U_ZERO_ERROR;
  oldest->converter = ucnv_open(icu_name, &error);
  if (U_FAILURE(error)) {
    oldest->converter = nullptr;
  } else {
    ucnv_setToUCallBack(oldest->converter, substitute, nullptr, nullptr, nullptr, &error);
  }
  known = oldest->converter != nullptr;
  return oldest->converter;
}

void TextDecoder::begin(const Charset& charset) {
  charset_ = charset;
  partial_.clear();
  lead_ = 0;
  flushed_ = false;
  if (charset_.converter != nullptr) ucnv_reset(charset_.converter);
}

TextDecoder::Step TextDecoder::convert(std::string_view in, char* out, size_t room) {
  switch (charset_.kind) {
    case Charset::Kind::kSingleByte:
      return convert_single_byte(in, out, room);
    case Charset::Kind::kConverter:
      return convert_icu(in, out, room, false);
    case Charset::Kind::kUtf8:
      break;
  }
  return convert_utf8(in, out, room);
}

TextDecoder::Step TextDecoder::convert_single_byte(std::string_view in, char* out, size_t room) {
  Step step;
  while (step.taken < in.size() && room - step.made >= 4) {
    const size_t plain =
        ascii_prefix(in.substr(step.taken, std::min(in.size() - step.taken, room - step.made)));
    std::memcpy(out + step.made, in.data() + step.taken, plain);
    step.taken += plain;
    step.made += plain;
    if (plain > 0) continue;
    const uint8_t octet = static_cast<uint8_t>(in[step.taken++]);
    step.made += put_utf8((*charset_.high)[octet - 0x80], out + step.made);
  }
  return step;
}

// Well-formed sequences pass; any other octet is taken for windows-1252.
TextDecoder::Step TextDecoder::convert_utf8(std::string_view in, char* out, size_t room) {
  Step step;
  while (room - step.made >= kMinRoom / 2) {
    if (partial_.empty()) {
      const size_t whole =
          utf8_prefix(in.substr(step.taken, std::min(in.size() - step.taken, room - step.made)));
      std::memcpy(out + step.made, in.data() + step.taken, whole);
      step.taken += whole;
      step.made += whole;
      if (whole > 0) continue;
    }
    while (!partial_.full() && step.taken < in.size()) partial_.append(in[step.taken++]);
    if (partial_.empty()) break;
    size_t length;
    const Sequence sequence = read_sequence(partial_.view(), length);
    if (sequence == Sequence::kCut) break;  // all of `in` is taken
    if (sequence == Sequence::kWhole) {
      std::memcpy(out + step.made, partial_.data(), length);
      step.made += length;
    } else {
      const uint8_t octet = static_cast<uint8_t>(partial_.view()[0]);
      step.made += put_utf8(windows_1252()[octet - 0x80], out + step.made);
      length = 1;
    }
    // Give back what was borrowed from `in`, as far as it came from there.
    partial_.remove_prefix(length);
    const size_t returned = std::min(partial_.size(), step.taken);
    partial_.resize(partial_.size() - returned);
    step.taken -= returned;
  }
  return step;
}

TextDecoder::Step TextDecoder::convert_icu(std::string_view in, char* out, size_t room,
                                           bool flush) {
  Step step;
  UErrorCode error = U_ZERO_ERROR;
  // Three bytes of UTF-8 for each unit, and one more unit may be held from before.
  const size_t units = std::min(pivot_.size(), room / 3 - 1);
  UChar* const pivot = pivot_.data();
  UChar* target = pivot;
  const char* source = in.empty() ? "" : in.data();
  const char* const begin = source;
  ucnv_toUnicode(charset_.converter, &target, pivot + units, &source, begin + in.size(), nullptr,
                 flush, &error);
  step.taken = static_cast<size_t>(source - begin);
  for (const UChar* unit = pivot; unit < target; ++unit) {
    const bool trail = U16_IS_TRAIL(*unit);
    if (lead_ != 0) {
      step.made +=
          put_utf8(trail ? static_cast<char32_t>(U16_GET_SUPPLEMENTARY(lead_, *unit)) : 0xfffd,
                   out + step.made);
      lead_ = 0;
      if (trail) continue;
    }
    if (U16_IS_LEAD(*unit)) {
      lead_ = *unit;
    } else {
      step.made += put_utf8(*unit, out + step.made);
    }
  }
  if (flush && error != U_BUFFER_OVERFLOW_ERROR) flushed_ = true;
  return step;
}

size_t TextDecoder::finish(char* out) {
  if (charset_.kind == Charset::Kind::kConverter) {
    if (!flushed_) {
      const size_t made = convert_icu({}, out, kMinRoom, true).made;
      if (made > 0) return made;
    }
    if (lead_ == 0) return 0;
    lead_ = 0;
    return put_utf8(0xfffd, out);
  }
  size_t made = 0;
  for (char octet : partial_.view()) {
    made += put_utf8(windows_1252()[static_cast<uint8_t>(octet) - 0x80], out + made);
  }
  partial_.clear();
  return made;
}

}  // namespace postern::mime
