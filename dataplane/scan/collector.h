// Takes a message's renderings as the MIME reader tells them and has them matched.
//
// Theory of operation. Elements of each target gather in a fixed buffer; when the next one does not
// fit, or the message ends, the buffer is matched and begins anew. So an ordinary message costs one
// scan a target, at its end, and a long one is seen whole with the same memory. Header fields are
// kept and matched at the end.
//
// Raw body lines are put together to chunks as SpamAssassin cuts them (2,048 to 4,096 bytes, at a
// line end where there is one): its rules for raw text may look over line ends.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/mime/fixed_text.h"
#include "dataplane/mime/origin.h"
#include "dataplane/mime/render.h"
#include "dataplane/scan/compiled.h"
#include "dataplane/scan/element_buffer.h"
#include "dataplane/scan/evals/evaluation.h"
#include "dataplane/scan/header_fields.h"
#include "dataplane/scan/lists.h"
#include "dataplane/scan/matcher.h"

namespace postern::scan {

class Collector : public mime::RenderSink {
 public:
  static constexpr uint32_t kTextBytes = 64 * 1024;
  static constexpr uint32_t kUriBytes = 16 * 1024;
  static constexpr uint32_t kParagraphs = 4096;
  static constexpr uint32_t kChunks = 512;
  static constexpr uint32_t kUris = 512;

  // The matcher has begun with `set`. `scratch` may be null when the set asks for no header.
  // `evaluation` and `lists` have begun; null when the set has no such rules.
  void begin(const SignatureSet::Compiled* set, Matcher* matcher,
             MessageScan::Scratch::Impl* scratch, evals::Evaluation* evaluation = nullptr,
             ListLookup* lists = nullptr);
  // The address in MAIL. Before finish().
  void envelope_from(std::string_view address) { fields_.envelope_from(address); }
  // Told of the message's own fields, or null.
  void read_origin(mime::OriginReader* reader) { origin_ = reader; }
  // Whether the message has shown a field of its own.
  bool any_header() const { return any_header_; }
  void observe(mime::RenderSink* observer) { observer_ = observer; }
  // Matches what is left, the header included.
  void finish();

  void header(std::string_view name, std::string_view raw, std::string_view decoded) override;
  void body(std::string_view paragraph) override;
  void hidden(std::string_view paragraph) override;
  void skeleton(std::string_view paragraph) override;
  void rawbody(std::string_view line) override;
  void uri(std::string_view uri) override;
  void link(const mime::Link& link) override;
  void part(const mime::Part& part) override;
  void part_header(std::string_view name, std::string_view raw, std::string_view decoded) override;
  void part_headers_end() override;
  mime::TextObserver* text_observer() override { return evaluation_; }
  mime::StructureObserver* structure_observer() override {
    return evaluation_ == nullptr ? nullptr : evaluation_->structure();
  }
  const HeaderFields& fields() const { return fields_; }

 private:
  static constexpr uint32_t kChunkBytes = 2048;  // SpamAssassin's MAX_BODY_LINE_LENGTH

  // Elements of one target that wait to be matched.
  struct Gathering {
    Gathering(language::Target of, uint32_t bytes, uint32_t count)
        : target(of), elements(bytes, count) {}
    language::Target target;
    ElementBuffer elements;
    bool from_the_start = true;  // the first element is the message's first
  };

  // A field of the part whose headers are being read; its last instance.
  struct PartField {
    uint32_t begin = 0;
    uint32_t length = 0;
    bool present = false;
  };
  static constexpr uint32_t kPartHeaderBytes = 16 * 1024;  // of one part; what goes beyond is cut
  // What rules see of all parts in one text: pieces of one field each, told in the message's order.
  struct PartPiece {
    uint32_t plan = 0;  // of the set's part_headers
    uint32_t begin = 0;
    uint32_t length = 0;
  };
  static constexpr uint32_t kPartPieces = 1024;
  static constexpr uint32_t kPartPieceBytes = 32 * 1024;

  bool wanted(const Gathering& gathering) const { return !set_->plan(gathering.target).empty(); }
  void gather(Gathering& gathering, std::string_view element, std::string_view end = {});
  void gather_paragraph(Gathering& gathering, std::string_view paragraph);
  void match(Gathering& gathering, bool keeps = false);
  void begin_part();
  void add_part_piece(uint32_t plan, std::string_view value);
  void match_concatenated();
  void match_headers();
  void split_chunks();
  void end_chunks();

  const SignatureSet::Compiled* set_ = nullptr;
  Matcher* matcher_ = nullptr;
  mime::RenderSink* observer_ = nullptr;
  evals::Evaluation* evaluation_ = nullptr;
  ListLookup* lists_ = nullptr;
  MessageScan::Scratch::Impl* scratch_ = nullptr;
  HeaderFields fields_;
  Gathering body_{language::Target::kBody, kTextBytes, kParagraphs};
  Gathering raw_body_{language::Target::kRawBody, kTextBytes, kChunks};
  Gathering uris_{language::Target::kUri, kUriBytes, kUris};
  Gathering hidden_{language::Target::kHidden, kTextBytes, kParagraphs};
  Gathering skeleton_{language::Target::kSkeleton, kTextBytes, kParagraphs};
  Gathering domains_{language::Target::kUriDomain, kUriBytes, kUris};
  std::array<char, 4 * kChunkBytes> chunk_;
  uint32_t chunk_used_ = 0;
  std::array<PartField, kMostPartFields> part_fields_;  // as the set's part_headers
  std::array<char, kPartHeaderBytes> part_text_;
  uint32_t part_text_used_ = 0;
  std::array<mime::FixedText<kPartHeaderBytes>, 2> part_headers_;  // whole: decoded, raw
  uint32_t part_number_ = 0;
  std::array<PartPiece, kPartPieces> part_pieces_;
  uint32_t part_piece_count_ = 0;
  mime::FixedText<kPartPieceBytes> part_piece_text_;
  mime::OriginReader* origin_ = nullptr;
  bool any_header_ = false;
};

}  // namespace postern::scan
