#include "dataplane/smtp/message_text.h"

#include <emmintrin.h>

#include <bit>

#include "dataplane/smtp/transaction.h"

namespace postern::smtp {
namespace {

constexpr uint8_t kCarriageReturn[] = {'\r'};

// Index of the first CR, LF or NUL in `bytes` from `at` on; its size when there is none.
size_t find_control(std::span<const uint8_t> bytes, size_t at) {
  const __m128i cr = _mm_set1_epi8('\r');
  const __m128i lf = _mm_set1_epi8('\n');
  const __m128i nul = _mm_setzero_si128();
  for (; at + 16 <= bytes.size(); at += 16) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes.data() + at));
    const __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, cr), _mm_cmpeq_epi8(v, lf)),
                                     _mm_cmpeq_epi8(v, nul));
    const auto mask = static_cast<uint32_t>(_mm_movemask_epi8(hit));
    if (mask != 0) return at + static_cast<size_t>(std::countr_zero(mask));
  }
  while (at < bytes.size() && bytes[at] != '\r' && bytes[at] != '\n' && bytes[at] != 0) ++at;
  return at;
}

// Where among the 64 octets at `block` those are that are `octet`, lowest bit first.
uint64_t places_of(const uint8_t* block, char octet) {
  const __m128i wanted = _mm_set1_epi8(octet);
  uint64_t places = 0;
  for (size_t at = 0; at < 64; at += 16) {
    const __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + at));
    const auto part = static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(octets, wanted)));
    places |= uint64_t{part} << at;
  }
  return places;
}

// How far text goes on from bytes[at], inside a line, through lines that end with CRLF, begin with
// no dot and hold no NUL: a place inside a line, at or behind `at`. Whatever is out of the ordinary
// within the next blocks ends it early; it is found by who reads octet by octet.
size_t skip_plain_lines(std::span<const uint8_t> bytes, size_t at) {
  while (at + 64 <= bytes.size()) {
    const uint8_t* const block = bytes.data() + at;
    const uint64_t returns = places_of(block, '\r');
    const uint64_t feeds = places_of(block, '\n');
    // A line end at the end of the block is left for later: what follows it matters.
    const bool cut = ((returns | feeds) >> 63) != 0;
    const unsigned length = !cut ? 64 : (feeds & returns << 1) >> 63 != 0 ? 62 : 63;
    const uint64_t within = ~uint64_t{0} >> (64 - length);
    const uint64_t odd =
        (returns << 1 ^ feeds) | (feeds << 1 & places_of(block, '.')) | places_of(block, '\0');
    const bool inside_a_line = ((returns | feeds) >> (length - 1) & 1) == 0;
    if ((odd & within) != 0 || !inside_a_line) return at;
    at += length;
    if (cut) return at;
  }
  return at;
}

constexpr uint32_t bit(Anomaly anomaly) { return static_cast<uint32_t>(anomaly); }

}  // namespace

// The state behind a NUL: at the beginning of a line, or beside its only dot, it may be as if it
// were not there.
MessageText::After MessageText::after_nul() {
  anomalies_ |= bit(Anomaly::kNulByte);
  switch (after_) {
    case After::kCr:
    case After::kBareLf:
    case After::kCrLf:
    case After::kNulLine:
      return After::kNulLine;
    case After::kDot:
    case After::kCrDot:
    case After::kLfDot:
    case After::kNulDot:
      return After::kNulDot;
    default:
      return After::kText;
  }
}

// The state behind an octet that ends nothing, inside a line.
MessageText::After MessageText::after_text(uint8_t octet) {
  if (octet == '\r') return After::kCr;
  if (octet == '\n') {
    anomalies_ |= bit(Anomaly::kBareLineFeed);
    return After::kBareLf;
  }
  return octet == 0 ? after_nul() : After::kText;
}

// Stops in front of bytes[to]. Offered again, that octet is ordinary text.
MessageText::Piece MessageText::dubious(std::span<const uint8_t> bytes, size_t from, size_t to) {
  const bool feed = bytes[to] == '\n';
  switch (after_) {
    case After::kCrDot:
      anomalies_ |= bit(feed ? Anomaly::kCrDotLf : Anomaly::kCrDotCrlf);
      break;
    case After::kLfDot:
      anomalies_ |= bit(feed ? Anomaly::kLfDotLf : Anomaly::kLfDotCrlf);
      break;
    case After::kDot:
      anomalies_ |= bit(Anomaly::kCrlfDotLf);
      break;
    case After::kNulDot:
      anomalies_ |= bit(Anomaly::kNulDot);
      break;
    default:
      anomalies_ |= bit(Anomaly::kCrlfDotCr);
  }
  after_ = after_ == After::kDotCr ? After::kDotCrText : After::kText;
  return {bytes.subspan(from, to - from), to, 0, Stop::kDubiousEnd};
}

MessageText::Piece MessageText::next(std::span<const uint8_t> bytes) {
  // A CR that was held back because it might have begun the end is delivered by itself.
  if (after_ == After::kDotCrText) {
    after_ = After::kCr;
    return {kCarriageReturn, 0, 0, Stop::kText};
  }
  size_t from = 0;  // where the text to deliver begins
  for (size_t at = 0; at < bytes.size(); ++at) {
    const uint8_t octet = bytes[at];
    switch (after_) {
      case After::kText: {
        at = find_control(bytes, skip_plain_lines(bytes, at));
        if (at == bytes.size()) return {bytes.subspan(from), at, 0, Stop::kText};
        after_ = after_text(bytes[at]);
        break;
      }
      case After::kCr:
        if (octet == '\n') {
          after_ = After::kCrLf;
          break;
        }
        anomalies_ |= bit(Anomaly::kBareCarriageReturn);
        after_ = octet == '.' ? After::kCrDot : after_text(octet);
        break;
      case After::kBareLf:
        after_ = octet == '.' ? After::kLfDot : after_text(octet);
        break;
      case After::kCrLf:
        if (octet != '.') {
          after_ = after_text(octet);
          break;
        }
        // The dot is dropped whether it is stuffed or the end. A whole end is told in one piece, so
        // that none of it need be forwarded before the judgement.
        if (at + 2 < bytes.size() && bytes[at + 1] == '\r' && bytes[at + 2] == '\n')
          return {bytes.subspan(from, at - from), at, 3, Stop::kEnd};
        after_ = After::kDot;
        return {bytes.subspan(from, at - from), at + 1, 0, Stop::kText};
      case After::kDot:
        if (octet == '\n') return dubious(bytes, from, at);
        if (octet == '\r') {
          if (at + 1 < bytes.size() && bytes[at + 1] == '\n')
            return {bytes.subspan(from, 0), at, 2, Stop::kEnd};
          after_ = After::kDotCr;
          from = at + 1;
          break;
        }
        after_ = after_text(octet);
        break;
      case After::kDotCr:
        if (octet != '\n') return dubious(bytes, from, at);
        return {bytes.subspan(from, 0), at, 1, Stop::kEnd};
      case After::kNulLine:
        after_ = octet == '.' ? After::kNulDot : after_text(octet);
        break;
      case After::kCrDot:
      case After::kLfDot:
      case After::kNulDot:
        if (octet == '\r' || octet == '\n') return dubious(bytes, from, at);
        after_ = after_text(octet);
        break;
      case After::kDotCrText:
        break;  // handled above
    }
  }
  return {bytes.subspan(from), bytes.size(), 0, Stop::kText};
}

void MessageText::note_chunk(std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const Piece piece = next(bytes);
    bytes = bytes.subspan(piece.octets + piece.terminator);
    if (piece.stop == Stop::kEnd) after_ = After::kCrLf;
  }
}

}  // namespace postern::smtp
