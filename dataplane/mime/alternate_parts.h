// A multipart read with another boundary than the one that SpamAssassin takes: the second that its
// Content-Type names, or, where none is named, the one that its first delimiter line shows. The
// texts of the parts that this makes go to hidden().
//
// Theory of operation. From the multipart's header on, the octets of the stream that holds it are
// read a second time, by a MessageStream of our own, to the end of the message; what lies behind
// the multipart is text behind its last part. Messages within are opened only where they are not
// encoded.
#pragma once

#include <array>
#include <string_view>

#include "dataplane/mime/content_type.h"
#include "dataplane/mime/message_stream.h"
#include "dataplane/mime/transfer_decoder.h"
#include "dataplane/mime/unshown_text.h"

namespace postern::mime {

class AlternateParts final : private StructureSink {
 public:
  static constexpr uint32_t kNesting = 4;
  static constexpr uint32_t kFields = 200;
  static constexpr size_t kFieldBytes = 2048;

  AlternateParts(ConverterCache* converters, UnshownText* text)
      : text_(text), content_(converters), stream_(this, field_room_, kNesting, kFields) {}

  // Of a message: nothing is read until start().
  void begin() { state_ = State::kIdle; }
  // `boundary` is empty when it is to be guessed.
  void start(std::string_view boundary);
  bool active() const { return state_ != State::kIdle; }
  void feed(std::string_view octets);
  void finish();

 private:
  enum class State : uint8_t { kIdle, kGuessing, kReading };

  void open();
  void take_line();
  void entity_begin(MessageStream&, bool, bool) override { content_.begin(); }
  void field(MessageStream&, std::string_view name, std::string_view value) override;
  void headers_end(MessageStream& stream) override;
  void octets(MessageStream&, std::string_view encoded) override;
  void preamble(MessageStream&, std::string_view) override {}
  void preamble_end(MessageStream&, bool) override {}
  void epilogue_begin(MessageStream&) override {}
  void epilogue(MessageStream&, std::string_view) override {}
  void leaf_end(MessageStream&) override;
  void anomaly(Anomaly) override {}

  State state_ = State::kIdle;
  bool opened_ = false;  // the stream's first headers, which are none, are over
  UnshownText* text_;
  ContentFields content_;
  TransferDecoder decoder_;
  FixedText<BoundaryStack::kLineBytes> line_;  // while guessing: one that is not whole yet
  FixedText<BoundaryStack::kBoundaryBytes> boundary_;
  std::array<char, kFieldBytes> field_room_;
  MessageStream stream_;
};

}  // namespace postern::mime
