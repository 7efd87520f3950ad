// All the places of a message whose text goes to hidden() because SpamAssassin's renderings leave
// it out, and a mail program may yet come to it:
//  - parts that are not text, as far as they look like text;
//  - a part's octets out of another Content-Transfer-Encoding than the one that counts, where its
//    fields name more than one or one that is no encoding; and as HTML, where only a Content-Type
//    that does not count says so;
//  - files written into text (uuencode, yEnc), as far as they look like text;
//  - what stands before the first and behind the last part of a multipart;
//  - the parts of a multipart read with another boundary (see alternate_parts.h);
//  - encoded words in fields that hold none, the names of files, the subjects of parts.
//
// Theory of operation. The reader tells what it does; while hidden text is not wanted every call
// returns at once. Two texts may be read at a time: a leaf takes them in the order above, what then
// finds none free is not read; while a multipart is read with another boundary one of the two is
// its own.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/mime/alternate_parts.h"
#include "dataplane/mime/body_text.h"
#include "dataplane/mime/content_type.h"
#include "dataplane/mime/inline_files.h"
#include "dataplane/mime/transfer_decoder.h"
#include "dataplane/mime/unshown_text.h"

namespace postern::mime {

class UnshownParts final : private InlineFileSink {
 public:
  explicit UnshownParts(ConverterCache* converters) : alternate_(converters, &texts_[1]) {}

  void begin(RenderSink* sink, bool wanted);
  void finish();

  // A field's value that no rendering holds.
  void value(std::string_view decoded);
  // `stream`: whose headers end now. The boundary that counts may be empty.
  void multipart(MessageStream& stream, const ContentFields& content);
  void passed(std::string_view octets) { alternate_.feed(octets); }
  void preamble(std::string_view text);
  void epilogue_begin();
  void epilogue(std::string_view octets);

  void leaf_begin(const ContentFields& content, BodyText::Rendering rendering);
  // The leaf's octets, before they are decoded; and after, in the encoding that counts.
  void encoded(std::string_view octets);
  void decoded(std::string_view octets);
  void leaf_end(std::string_view file_name);

 private:
  enum class Input : uint8_t { kNone, kEncoded, kDecoded, kFiles };

  size_t take(Input input);
  void read_encoded(const ContentFields& content, TransferEncoding encoding, bool html);
  void inline_file_begin() override;
  void inline_file_octets(std::string_view octets) override;
  void inline_file_end() override;

  static constexpr size_t kTexts = 2;

  bool wanted_ = false;
  RenderSink* sink_ = nullptr;
  std::array<UnshownText, kTexts> texts_;
  std::array<TransferDecoder, kTexts> decoders_;
  std::array<Input, kTexts> inputs_{};
  bool busy_ = false;       // the leaf has some input
  bool uncertain_ = false;  // whether the leaf is text: then files are looked for while it may be
  InlineFiles files_{this};
  AlternateParts alternate_;
};

}  // namespace postern::mime
