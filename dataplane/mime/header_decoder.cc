#include "dataplane/mime/header_decoder.h"

#include <array>

#include "dataplane/mime/ascii.h"

namespace postern::mime {
namespace {

constexpr size_t kPieceBytes = 240;  // of a word, decoded at a time

bool is_charset_char(char c) {
  return is_alnum(c) || c == '*' || c == '_' || c == '-' || c == '.' || c == ':';
}

// The length of a fold (line end and the white space after it) at the start of `text`, or 0.
size_t fold_length(std::string_view text) {
  size_t at = text.starts_with("\r\n") ? 2 : text.starts_with("\n") ? 1 : 0;
  if (at == 0) return 0;
  while (at < text.size() && is_blank(text[at])) ++at;
  return at;
}

}  // namespace

bool holds_encoded_words(std::string_view name) {
  const auto is = [name](std::string_view field) { return equals_ignoring_case(name, field); };
  switch (name.size()) {
    case 4:
      if (is("date")) return false;
      break;
    case 8:
      if (is("received")) return false;
      break;
    case 10:
      if (is("message-id") || is("references")) return false;
      break;
    case 11:
      if (is("resent-date") || is("in-reply-to")) return false;
      break;
    case 12:
      if (is("mime-version")) return false;
      break;
    case 17:
      if (is("resent-message-id")) return false;
      break;
    default:
      break;
  }
  return !starts_ignoring_case(name, "list-");
}

// "=?charset?encoding?text?=" at the start of `text`.
HeaderDecoder::Word HeaderDecoder::read_word(std::string_view text) {
  Word word;
  if (!text.starts_with("=?")) return word;
  size_t at = 2;
  while (at < text.size() && is_charset_char(text[at])) ++at;
  if (at == 2 || text.size() - at < 5 || text[at] != '?' || text[at + 2] != '?') return word;
  word.charset = text.substr(2, at - 2);
  word.charset = word.charset.substr(0, word.charset.find('*'));  // RFC 2231 5: language
  word.encoding = to_lower(text[at + 1]);
  if (word.encoding != 'q' && word.encoding != 'b') return word;
  const size_t end = text.find("?=", at + 3);
  if (end == text.npos) return word;
  word.text = text.substr(at + 3, end - at - 3);
  // The next word's beginning is no part of this one.
  if (word.text.find("=?") != word.text.npos) return word;
  word.length = end + 2;
  return word;
}

std::string_view HeaderDecoder::decode(std::string_view folded, Words words, std::span<char> out) {
  out_ = out;
  made_ = 0;
  cut_ = false;
  in_words_ = false;
  std::string_view rest = trim(folded);
  ascii_ = ascii_prefix(rest) == rest.size();
  plain_ = ascii_ || utf8_prefix(rest) == rest.size() ? Charset{} : converters_->find({});
  while (!rest.empty()) {
    const size_t mark = words == Words::kDecode ? rest.find("=?") : rest.npos;
    if (mark == rest.npos) {
      put_plain(rest);
      break;
    }
    const Word word = read_word(rest.substr(mark));
    if (word.length == 0) {
      put_plain(rest.substr(0, mark + 2));
      rest.remove_prefix(mark + 2);
      continue;
    }
    // What stands between two words is dropped when it is white space alone.
    if (!(in_words_ && trim(rest.substr(0, mark)).empty())) put_plain(rest.substr(0, mark));
    put_word(word);
    rest.remove_prefix(mark + word.length);
  }
  end_charset();
  return {out_.data(), made_};
}

void HeaderDecoder::put_plain(std::string_view text) {
  if (text.empty()) return;
  end_charset();
  if (!ascii_) text_.begin(plain_);
  while (!text.empty()) {
    const size_t fold = fold_length(text);
    if (fold > 0) {
      put_plain_octets(" ");
      text.remove_prefix(fold);
      continue;
    }
    size_t line = text.find('\n', 1);
    if (line != text.npos && line > 1 && text[line - 1] == '\r') --line;
    if (line == 0 || line == text.npos) line = text.size();
    put_plain_octets(text.substr(0, line));
    text.remove_prefix(line);
  }
  if (ascii_) return;
  in_words_ = true;  // a charset is open: flush it
  charset_.clear();
  end_charset();
}

void HeaderDecoder::put_plain_octets(std::string_view octets) {
  ascii_ ? write(octets) : put_octets(octets);
}

void HeaderDecoder::put_word(const Word& word) {
  if (!in_words_ || !equals_ignoring_case(charset_.view(), word.charset)) {
    end_charset();
    const Charset charset = converters_->find(word.charset);
    text_.begin(charset.guessed ? Charset{} : charset);
    charset_.assign(word.charset);
    in_words_ = true;
  }
  char piece[kPieceBytes];
  std::string_view text = word.text;
  if (word.encoding == 'b') {
    Base64Decoder base64;
    uint8_t octets[Base64Decoder::decoded_bound(kPieceBytes)];
    while (!text.empty()) {
      const std::string_view part = text.substr(0, kPieceBytes);
      const size_t made =
          base64.decode({reinterpret_cast<const uint8_t*>(part.data()), part.size()}, octets);
      put_octets(as_text(octets, made));
      text.remove_prefix(part.size());
    }
    put_octets(as_text(octets, base64.finish(octets)));
    return;
  }
  size_t made = 0;
  for (size_t i = 0; i < text.size();) {
    if (made == kPieceBytes) {
      put_octets({piece, made});
      made = 0;
    }
    const size_t fold = fold_length(text.substr(i));
    if (fold > 0 || text[i] == '_') {
      piece[made++] = ' ';
      i += fold > 0 ? fold : 1;
    } else if (text[i] == '=' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
               hex_value(text[i + 2]) >= 0) {
      piece[made++] = static_cast<char>(hex_value(text[i + 1]) << 4 | hex_value(text[i + 2]));
      i += 3;
    } else {
      piece[made++] = text[i++];
    }
  }
  put_octets({piece, made});
}

void HeaderDecoder::put_octets(std::string_view octets) {
  char utf8[512];
  while (!octets.empty()) {
    const TextDecoder::Step step = text_.convert(octets, utf8, sizeof utf8);
    write({utf8, step.made});
    octets.remove_prefix(step.taken);
  }
}

void HeaderDecoder::end_charset() {
  if (!in_words_) return;
  char utf8[TextDecoder::kMinRoom];
  while (const size_t made = text_.finish(utf8)) write({utf8, made});
  in_words_ = false;
}

void HeaderDecoder::write(std::string_view utf8) {
  if (cut_) return;
  size_t taken = utf8.size();
  if (taken > out_.size() - made_) {
    cut_ = true;
    taken = out_.size() - made_;
    while (taken > 0 && (static_cast<uint8_t>(utf8[taken]) & 0xc0) == 0x80) --taken;
  }
  std::memcpy(out_.data() + made_, utf8.data(), taken);
  made_ += taken;
}

}  // namespace postern::mime
