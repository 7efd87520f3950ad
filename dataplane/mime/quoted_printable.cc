#include "dataplane/mime/quoted_printable.h"

#include "dataplane/mime/ascii.h"

namespace postern::mime {
namespace {

// Where the blanks begin that end at `end`; not before `floor`, and at most the held-back length.
uint8_t* padding_start(uint8_t* floor, uint8_t* end) {
  uint8_t* p = end;
  while (p > floor && end - p < static_cast<ptrdiff_t>(QuotedPrintableDecoder::kPaddingBytes) &&
         is_blank(static_cast<char>(p[-1]))) {
    --p;
  }
  return p;
}

uint8_t* put(uint8_t* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

}  // namespace

void QuotedPrintableDecoder::begin() {
  escape_.clear();
  padding_.clear();
  state_ = Escape::kNone;
  damaged_ = false;
}

void QuotedPrintableDecoder::give_up_escape(uint8_t*& out) {
  damaged_ = true;
  out = put(out, escape_.view());
  state_ = Escape::kNone;
}

// True when `byte` belonged to the escape; otherwise the escape was none and `byte` is text.
bool QuotedPrintableDecoder::escape_takes(uint8_t byte, uint8_t*& out) {
  const char c = static_cast<char>(byte);
  if (c == '\n' && state_ != Escape::kDigit) {  // a soft line break
    state_ = Escape::kNone;
    return true;
  }
  if (state_ == Escape::kEquals && hex_value(c) >= 0) {
    state_ = Escape::kDigit;
  } else if (state_ == Escape::kDigit && hex_value(c) >= 0) {
    *out++ = static_cast<uint8_t>(hex_value(escape_.view()[1]) << 4 | hex_value(c));
    state_ = Escape::kNone;
    return true;
  } else if ((state_ == Escape::kEquals || state_ == Escape::kPadding) && is_blank(c) &&
             escape_.size() <= kPaddingBytes) {
    state_ = Escape::kPadding;
  } else if ((state_ == Escape::kEquals || state_ == Escape::kPadding) && c == '\r') {
    state_ = Escape::kCarriageReturn;
  } else {
    give_up_escape(out);
    return false;
  }
  escape_.append(c);
  return true;
}

size_t QuotedPrintableDecoder::decode(std::span<const uint8_t> in, uint8_t* out) {
  const char* p = reinterpret_cast<const char*>(in.data());
  const char* const end = p + in.size();
  uint8_t* const begin = out;
  uint8_t* literal = out;  // from here on `out` holds text that was not escaped
  if (p < end && state_ == Escape::kNone) {
    out = put(out, padding_.view());
    padding_.clear();
  }
  while (p < end) {
    if (state_ != Escape::kNone) {
      if (escape_takes(static_cast<uint8_t>(*p), out)) ++p;
      literal = out;
      continue;
    }
    const char* stop = find_either(p, end, '=', '\n');
    out = put(out, std::string_view(p, static_cast<size_t>(stop - p)));
    p = stop;
    if (p == end) break;
    if (*p == '=') {
      state_ = Escape::kEquals;
      escape_.assign("=");
    } else {
      const bool crlf = out > literal && out[-1] == '\r';
      out = padding_start(literal, crlf ? out - 1 : out);
      if (crlf) *out++ = '\r';
      *out++ = '\n';
      literal = out;
    }
    ++p;
  }
  if (state_ == Escape::kNone) {
    const bool cr = out > literal && out[-1] == '\r';
    uint8_t* held = padding_start(literal, cr ? out - 1 : out);
    padding_.append(as_text(held, static_cast<size_t>(out - held)));
    out = held;
  }
  return static_cast<size_t>(out - begin);
}

size_t QuotedPrintableDecoder::finish(uint8_t* out) {
  uint8_t* const begin = out;
  out = put(out, padding_.view());
  padding_.clear();
  // A text that ends in "=" was cut at a soft line break.
  if (state_ == Escape::kDigit) give_up_escape(out);
  state_ = Escape::kNone;
  return static_cast<size_t>(out - begin);
}

}  // namespace postern::mime
