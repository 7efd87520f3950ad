// What the MIME reader produces: the texts that signature targets are matched against.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace postern::mime {

class TextObserver;       // observers.h
class StructureObserver;  // observers.h

// A leaf part, told once it has ended. Views live until the call returns.
struct Part {
  std::string_view content_type;  // lower case "text/html"; "text/plain" when absent (RFC 2045 5.2)
  std::string_view charset;       // as labelled, lower case
  std::string_view file_name;     // UTF-8 (RFC 2231 and 2047 decoded); empty when none
  uint64_t decoded_bytes = 0;     // after the transfer encoding, before the charset
  bool has_sha256 = false;        // only when digests were asked for
  std::array<uint8_t, 32> sha256{};  // of those decoded bytes
};

// Named deviations, as bits; kAnomalyNames follows their order.
enum class Anomaly : uint32_t {
  kNestingLimit = 1 << 0,
  kMissingEndBoundary = 1 << 1,
  kBadBase64 = 1 << 2,
  kBadQuotedPrintable = 1 << 3,
  kUnknownTransferEncoding = 1 << 4,
  kUnknownCharset = 1 << 5,
  kLongHeader = 1 << 6,  // cut at the limit for matching; never on the wire
  kTooManyHeaders = 1 << 7,
  kHeaderSyntax = 1 << 8,  // a line among the headers that is none
  kDuplicateContentType = 1 << 9,
  kDuplicateTransferEncoding = 1 << 10,
  kDuplicateBoundary = 1 << 11,  // different ones, in one field or in several
  kMissingBoundary = 1 << 12,    // of a multipart
};
inline constexpr std::array<std::string_view, 13> kAnomalyNames{"nesting_limit",
                                                                "missing_end_boundary",
                                                                "bad_base64",
                                                                "bad_quoted_printable",
                                                                "unknown_transfer_encoding",
                                                                "unknown_charset",
                                                                "long_header",
                                                                "too_many_headers",
                                                                "header_syntax",
                                                                "duplicate_content_type",
                                                                "duplicate_transfer_encoding",
                                                                "duplicate_boundary",
                                                                "missing_boundary"};

// Where a URI of the message leads. Views live until the call returns.
struct Link {
  std::string_view uri;     // canonical; empty unless asked for
  std::string_view host;    // lower case
  std::string_view domain;  // the registrable one; empty when there is none
};

// Which renderings are told: those that go beyond SpamAssassin's only when they are asked for, and
// of its own those that cost something by themselves unless nobody listens. A message that no rule
// looks at in some way pays nothing for it.
struct Renderings {
  bool hidden = false;  // also of what is no text part; what HTML hides is always told
  bool skeleton = false;
  bool links = false;
  bool part_headers = false;
  bool digests = false;   // Part::sha256
  bool facts = false;     // RenderSink's observers
  bool raw = true;        // rawbody()
  bool uris = true;       // uri()
  bool link_uris = true;  // Link::uri, else empty

  static constexpr Renderings all() {
    return {.hidden = true, .skeleton = true, .links = true, .part_headers = true};
  }
  static constexpr Renderings none() { return {.raw = false, .uris = false, .link_uris = false}; }
  constexpr Renderings operator|(Renderings other) const {
    return {hidden || other.hidden,
            skeleton || other.skeleton,
            links || other.links,
            part_headers || other.part_headers,
            digests || other.digests,
            facts || other.facts,
            raw || other.raw,
            uris || other.uris,
            link_uris || other.link_uris};
  }
};

// Receives the renderings, in message order. Views live until the call returns. What each holds
// follows SpamAssassin's documentation of its rule types (Mail::SpamAssassin::Conf).
class RenderSink {
 public:
  virtual ~RenderSink() = default;
  // A header field of the message itself. `raw`: all that stands behind the
  // colon, the blank there and the folding too, less the final line end;
  // `decoded`: unfolded, RFC 2047 decoded, UTF-8.
  virtual void header(std::string_view name, std::string_view raw, std::string_view decoded) = 0;
  // A field of the header of a part, or of a message within; the message itself is the first part.
  // As header() tells it. Then, once for each part, the end of its header.
  virtual void part_header(std::string_view name, std::string_view raw, std::string_view decoded) {
    static_cast<void>(name), static_cast<void>(raw), static_cast<void>(decoded);
  }
  virtual void part_headers_end() {}
  // Text as a reader sees it: charset to UTF-8, HTML to text, white space runs to one blank; one
  // paragraph a call, at most 2,049 bytes (longer ones are split at a blank): the lines, less their
  // line end, that SpamAssassin matches body rules against. The subject comes first, always, even
  // when it is empty or absent.
  virtual void body(std::string_view paragraph) = 0;
  // Text that a mail program does not show as the message's, in the same form: what HTML hides from
  // its reader (display:none, no font size …), which is no part of body() unless ReaderLimits say
  // so; and, when asked for, what comments and descriptions in HTML hold, and all that
  // unshown_parts.h lists. Paragraphs come in any order.
  virtual void hidden(std::string_view paragraph) { static_cast<void>(paragraph); }
  // body(), folded to what a human eye takes it for.
  virtual void skeleton(std::string_view paragraph) { static_cast<void>(paragraph); }
  // One for each uri() that leads to a host.
  virtual void link(const Link& link) { static_cast<void>(link); }
  // Text of text parts after the transfer encoding, mark-up and line ends kept ("\n"); one line, or
  // at most 2,048 bytes of one, a call: a call whose text has no "\n" at its end is continued by
  // the next, or ends the part.
  virtual void rawbody(std::string_view line) = 0;
  // A URI found in text or in an HTML attribute, as found; a bare host in text ("www.example.com")
  // has the scheme before it that mail programs give it. One that stands twice is told twice.
  virtual void uri(std::string_view uri) = 0;
  virtual void part(const Part& part) = 0;
  // Asked for once a message; null: nobody wants it.
  virtual TextObserver* text_observer() { return nullptr; }
  virtual StructureObserver* structure_observer() { return nullptr; }
};

}  // namespace postern::mime
