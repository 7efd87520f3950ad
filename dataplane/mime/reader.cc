#include "dataplane/mime/reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/body_text.h"
#include "dataplane/mime/charset.h"
#include "dataplane/mime/content_type.h"
#include "dataplane/mime/header_decoder.h"
#include "dataplane/mime/message_stream.h"
#include "dataplane/mime/observers.h"
#include "dataplane/mime/part_digest.h"
#include "dataplane/mime/transfer_decoder.h"
#include "dataplane/mime/unshown_parts.h"
#include "dataplane/stage.h"

namespace postern::mime {
namespace {

constexpr size_t kSubjectBytes = 8192;  // SpamAssassin cuts fields there
// Streams within each other: the message, and a message that came encoded as its part.
constexpr size_t kStreams = 2;

bool is_message(std::string_view type) {
  return type == "message/rfc822" || type == "message/global" || type == "message/news";
}

// "text", "text/…"; not "textual".
bool is_of(std::string_view type, std::string_view kind) {
  return type.starts_with(kind) && (type.size() == kind.size() || !is_alnum(type[kind.size()]));
}

// Which rule types see a part (SpamAssassin's Message::Node::effective_type and its callers).
BodyText::Rendering rendering_of(std::string_view type, std::string_view file_name) {
  BodyText::Rendering rendering;
  const bool multipart = is_of(type, "multipart");  // one that could not be opened
  const bool text = is_of(type, "text") || multipart;
  rendering.html = type == "text/html";
  for (std::string_view suffix : {".html", ".htm", ".shtml", ".shtm"}) {
    rendering.html = rendering.html || ends_ignoring_case(file_name, suffix);
  }
  rendering.body = rendering.html || (text && type != "text/calendar" && type != "text/x-vcard");
  rendering.raw = rendering.html || (text && type != "text/calendar") || is_of(type, "message");
  return rendering;
}

}  // namespace

struct Reader::State final : StructureSink {
  explicit State(const ReaderLimits& given);

  void begin(RenderSink* to, Renderings asked);
  void feed(std::span<const uint8_t> bytes);
  void finish();

  void entity_begin(MessageStream& stream, bool part, bool in_digest) override;
  void field(MessageStream& stream, std::string_view name, std::string_view value) override;
  void headers_end(MessageStream& stream) override;
  void octets(MessageStream& stream, std::string_view encoded) override;
  void preamble(MessageStream& stream, std::string_view octets) override;
  void preamble_end(MessageStream& stream, bool parts_follow) override;
  void epilogue_begin(MessageStream&) override { unshown.epilogue_begin(); }
  void epilogue(MessageStream&, std::string_view octets) override {
    unshown.epilogue(octets);
    if (structure != nullptr) structure->epilogue(octets);
  }
  void leaf_end(MessageStream& stream) override;
  void passed(std::string_view octets) override { unshown.passed(octets); }
  void anomaly(Anomaly found) override { anomalies |= static_cast<uint32_t>(found); }

  // A stream and how the octets of its leaf are decoded.
  struct Level {
    Level(StructureSink* sink, std::span<char> field, const ReaderLimits& limits)
        : stream(sink, field, limits.nesting, limits.headers) {}

    MessageStream stream;
    TransferDecoder decoder;
    bool holds_message = false;  // the leaf is a message for the next level
  };

  size_t level_of(const MessageStream& stream) const {
    return &stream == &levels[0]->stream ? 0 : 1;
  }
  bool open_encoded_message(MessageStream& stream);
  void begin_leaf(Level& level);
  void preamble_as_text(MessageStream& stream);
  void decoded(size_t level, std::string_view octets);
  void end_rendering_leaf();

  const ReaderLimits limits;
  RenderSink* sink = nullptr;
  Renderings wanted;
  uint32_t anomalies = 0;

  ConverterCache converters;
  HeaderDecoder header_decoder{&converters};
  ContentFields content{&converters};
  BodyText body{&converters};
  UnshownParts unshown{&converters};
  StructureObserver* structure = nullptr;  // who wants to know, or null
  PartDigest part_digest;
  PartDigest* digest = nullptr;    // that one, when asked for
  std::vector<char> field_room;    // one field, as it came
  std::vector<char> decoded_room;  // and decoded; or the beginning of a preamble
  size_t preamble_size = 0;
  std::array<std::unique_ptr<Level>, kStreams> levels;

  bool top = true;  // the fields are the message's own
  bool digest_child = false;
  FixedText<kSubjectBytes> subject;
  FixedText<128> type;  // of the leaf under way
  uint64_t decoded_bytes = 0;
};

Reader::State::State(const ReaderLimits& given)
    : limits(given),
      field_room(std::max<uint32_t>(given.header_bytes, 1024)),
      decoded_room(field_room.size() * 3 / 2) {
  for (auto& level : levels) {
    level = std::make_unique<Level>(this, std::span<char>(field_room), limits);
  }
  windows_1252();  // makes the tables of charsets
}

void Reader::State::begin(RenderSink* to, Renderings asked) {
  sink = to;
  wanted = asked;
  digest = limits.digests || wanted.digests ? &part_digest : nullptr;
  structure = wanted.facts ? sink->structure_observer() : nullptr;
  anomalies = 0;
  top = true;
  subject.clear();
  body.begin(sink, limits.unseen_in_body, wanted);
  unshown.begin(sink, wanted.hidden);
  levels[0]->stream.begin(0);
}

void Reader::State::feed(std::span<const uint8_t> bytes) {
  levels[0]->stream.feed(as_text(bytes.data(), bytes.size()));
}

void Reader::State::finish() {
  levels[0]->stream.finish();
  StageScope stage(Stage::kRender);
  body.finish();
  unshown.finish();
}

// --- structure ---

void Reader::State::entity_begin(MessageStream& stream, bool part, bool in_digest) {
  if (structure != nullptr) structure->entity_begin(stream.nesting(), part);
  content.begin();
  digest_child = part && in_digest;
}

void Reader::State::field(MessageStream&, std::string_view name, std::string_view raw) {
  const std::string_view value = trim(raw);
  content.field(name, value);
  if (structure != nullptr) structure->entity_field(name, value);
  using Words = HeaderDecoder::Words;
  if (!top) {
    if (wanted.part_headers) {
      const auto words = holds_encoded_words(name) ? Words::kDecode : Words::kKeep;
      sink->part_header(name, value, header_decoder.decode(value, words, decoded_room));
    }
    // What a mail program shows of a part or of a message within.
    if (wanted.hidden && (equals_ignoring_case(name, "subject") ||
                          equals_ignoring_case(name, "content-description"))) {
      unshown.value(header_decoder.decode(value, Words::kDecode, decoded_room));
    }
    return;
  }
  const auto words = holds_encoded_words(name) ? Words::kDecode : Words::kKeep;
  const std::string_view decoded = header_decoder.decode(value, words, decoded_room);
  if (header_decoder.cut()) anomaly(Anomaly::kLongHeader);
  sink->header(name, raw, decoded);
  if (wanted.part_headers) sink->part_header(name, raw, decoded);
  if (wanted.hidden && words == Words::kKeep && value.find("=?") != value.npos) {
    unshown.value(header_decoder.decode(value, Words::kDecode, decoded_room));
  }
  // Of several subjects the last counts, as SpamAssassin has it.
  if (equals_ignoring_case(name, "subject")) subject.assign(decoded);
}

void Reader::State::headers_end(MessageStream& stream) {
  if (wanted.part_headers) sink->part_headers_end();
  if (std::exchange(top, false)) body.subject(subject.view());
  std::string_view name = content.type();
  if (name.empty()) name = digest_child ? "message/rfc822" : "text/plain";
  type.assign(name);
  if (content.encoding() == TransferEncoding::kUnknown) {
    anomaly(Anomaly::kUnknownTransferEncoding);
  }
  if (content.type_fields() > 1) anomaly(Anomaly::kDuplicateContentType);
  if (content.encoding_fields() > 1) anomaly(Anomaly::kDuplicateTransferEncoding);
  if (is_of(name, "multipart")) {
    if (!content.other_boundary().empty()) anomaly(Anomaly::kDuplicateBoundary);
    if (content.boundary().empty()) anomaly(Anomaly::kMissingBoundary);
    unshown.multipart(stream, content);
  }
  if (is_of(name, "multipart") && !content.boundary().empty()) {
    preamble_size = 0;
    if (stream.open_multipart(content.boundary(), name == "multipart/digest")) {
      if (structure != nullptr) structure->entity_headers_end(name, content.charset(), false);
      return;
    }
    anomaly(Anomaly::kNestingLimit);
  } else if (is_message(name)) {
    const bool encoded = content.encoding() == TransferEncoding::kBase64 ||
                         content.encoding() == TransferEncoding::kQuotedPrintable;
    if (structure != nullptr) structure->entity_headers_end(name, content.charset(), false);
    if (encoded ? open_encoded_message(stream) : stream.open_message()) return;
    anomaly(Anomaly::kNestingLimit);
  }
  if (structure != nullptr && !is_message(name))
    structure->entity_headers_end(name, content.charset(), true);
  begin_leaf(*levels[level_of(stream)]);
  stream.open_leaf();
}

bool Reader::State::open_encoded_message(MessageStream& stream) {
  const size_t level = level_of(stream);
  if (level + 1 == kStreams || stream.nesting() >= limits.nesting) return false;
  Level& outer = *levels[level];
  outer.decoder.begin(content.encoding());
  outer.holds_message = true;
  stream.open_leaf();
  levels[level + 1]->stream.begin(stream.nesting() + 1);
  return true;
}

// Makes ready for the octets of a leaf of `type` and `content`.
void Reader::State::begin_leaf(Level& level) {
  // A multipart has no encoding of its own; one that is read as text is read as it stands.
  const bool multipart = is_of(type.view(), "multipart");
  level.decoder.begin(multipart ? TransferEncoding::kIdentity : content.encoding());
  level.holds_message = false;
  decoded_bytes = 0;
  if (digest != nullptr) digest->begin();
  const BodyText::Rendering rendering = rendering_of(type.view(), content.file_name());
  if (!body.begin_part(rendering, content.charset())) anomaly(Anomaly::kUnknownCharset);
  unshown.leaf_begin(content, rendering);
}

// --- octets ---

void Reader::State::octets(MessageStream& stream, std::string_view encoded) {
  const size_t index = level_of(stream);
  Level& level = *levels[index];
  level.decoder.decode(encoded, [&](std::string_view octets) { decoded(index, octets); });
  if (level.holds_message) return;
  unshown.encoded(encoded);
  if (structure != nullptr) structure->entity_octets(encoded);
}

// Kept until a part begins. More than a preamble ever is must be text that no boundary parts.
void Reader::State::preamble(MessageStream& stream, std::string_view text) {
  if (text.size() > decoded_room.size() - preamble_size) {
    preamble_as_text(stream);
    octets(stream, text);
    return;
  }
  std::memcpy(decoded_room.data() + preamble_size, text.data(), text.size());
  preamble_size += text.size();
}

void Reader::State::preamble_end(MessageStream& stream, bool parts_follow) {
  if (parts_follow) {
    unshown.preamble({decoded_room.data(), preamble_size});
  } else {
    preamble_as_text(stream);
  }
}

void Reader::State::preamble_as_text(MessageStream& stream) {
  begin_leaf(*levels[level_of(stream)]);
  stream.preamble_is_leaf();
  octets(stream, {decoded_room.data(), preamble_size});
}

void Reader::State::decoded(size_t level, std::string_view octets) {
  if (levels[level]->holds_message) {
    levels[level + 1]->stream.feed(octets);
    return;
  }
  decoded_bytes += octets.size();
  if (digest != nullptr) digest->update(octets);
  StageScope stage(Stage::kRender);
  body.feed(octets);
  unshown.decoded(octets);
}

void Reader::State::end_rendering_leaf() {
  StageScope stage(Stage::kRender);
  body.end_part();
  unshown.leaf_end(content.file_name());
}

void Reader::State::leaf_end(MessageStream& stream) {
  const size_t index = level_of(stream);
  Level& level = *levels[index];
  level.decoder.finish([&](std::string_view octets) { decoded(index, octets); });
  if (level.decoder.bad_base64()) anomaly(Anomaly::kBadBase64);
  if (level.decoder.bad_quoted_printable()) anomaly(Anomaly::kBadQuotedPrintable);
  if (level.holds_message) {
    level.holds_message = false;
    levels[index + 1]->stream.finish();
    return;
  }
  end_rendering_leaf();
  if (structure != nullptr) structure->entity_end();
  Part part;
  part.content_type = type.view();
  part.charset = content.charset();
  part.file_name = content.file_name();
  part.decoded_bytes = decoded_bytes;
  if (digest != nullptr) {
    part.has_sha256 = true;
    part.sha256 = digest->finish();
  }
  sink->part(part);
}

Reader::Reader(const ReaderLimits& limits) : state_(std::make_unique<State>(limits)) {}
Reader::~Reader() = default;

void Reader::begin(RenderSink* sink, Renderings wanted) { state_->begin(sink, wanted); }
void Reader::feed(std::span<const uint8_t> bytes) { state_->feed(bytes); }
void Reader::finish() { state_->finish(); }
uint32_t Reader::anomalies() const { return state_->anomalies; }

}  // namespace postern::mime
