// The structure of a message: fields, delimiter lines, and the octets of its leaves.
//
// Theory of operation. Octets go in, in any pieces; each is looked at once. In headers, a field is
// gathered until a line begins that does not continue it. In bodies only a line that begins with
// "--" can matter: whole stretches up to the next such line go on as they are. A line end is held
// back until the next line has shown itself, because the one before a delimiter belongs to the
// delimiter (RFC 2046 5.1.1). What a header means, and so whether its body is a leaf, a multipart
// or a message, the StructureSink decides.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/mime/fixed_text.h"
#include "dataplane/mime/multipart.h"
#include "dataplane/mime/render.h"

namespace postern::mime {

class MessageStream;

class StructureSink {
 public:
  virtual ~StructureSink() = default;
  // Headers begin: of the message (`part` false), of one within, or of a part.
  virtual void entity_begin(MessageStream& stream, bool part, bool in_digest) = 0;
  // `value`: all that stands behind the colon, folded with "\n", less the last line end.
  virtual void field(MessageStream& stream, std::string_view name, std::string_view value) = 0;
  // Must call one of the stream's open functions with success.
  virtual void headers_end(MessageStream& stream) = 0;
  virtual void octets(MessageStream& stream, std::string_view octets) = 0;
  // Of a multipart, before its first delimiter. preamble_end() tells what became of it: the
  // preamble that no mail program shows, or, when no part ever began, all that there is. The sink
  // may decide for a leaf before, with the stream's preamble_is_leaf().
  virtual void preamble(MessageStream& stream, std::string_view octets) = 0;
  virtual void preamble_end(MessageStream& stream, bool parts_follow) = 0;
  // Behind the last part.
  virtual void epilogue_begin(MessageStream& stream) = 0;
  virtual void epilogue(MessageStream& stream, std::string_view octets) = 0;
  virtual void leaf_end(MessageStream& stream) = 0;
  virtual void anomaly(Anomaly anomaly) = 0;
  // Between the stream's pass_on() and its end: all octets, after they were read.
  virtual void passed(std::string_view octets) { static_cast<void>(octets); }
};

class MessageStream {
 public:
  // `field`: room for one field; it may be shared with a stream that is fed from this one's leaf.
  MessageStream(StructureSink* sink, std::span<char> field, uint32_t nesting, uint32_t fields);

  // `outer`: multiparts and messages around this one.
  void begin(uint32_t outer);
  void feed(std::string_view octets);
  void finish();

  // What follows the headers. The first two are false when nesting is at its limit.
  bool open_multipart(std::string_view boundary, bool digest);
  bool open_message();
  void open_leaf();
  void preamble_is_leaf() { state_ = State::kLeaf; }
  // What comes behind the headers that end now is told as it stands, too.
  void pass_on() { passes_on_ = true; }

  // Multiparts and messages around what is read now.
  uint32_t nesting() const { return nesting_; }

 private:
  enum class State : uint8_t { kHeaders, kLeaf, kPreamble, kEpilogue };

  void begin_entity(bool part, bool in_digest);
  std::string_view take_headers(std::string_view in);
  bool take_header_line();
  bool is_field() const;
  void end_field();
  void close_headers();
  void end_headers_at(std::string_view line);

  std::string_view take_body(std::string_view in);
  bool take_candidate(std::string_view& in);
  bool take_line_start(std::string_view& in);
  std::string_view take_text(std::string_view in);
  bool take_delimiter(std::string_view line);
  void hold_line_end(std::string_view text, size_t line_feed);
  void flush_line_end();
  void deliver(std::string_view octets);

  StructureSink* sink_;
  uint32_t nesting_limit_;
  uint32_t field_limit_;
  BoundaryStack boundaries_;
  State state_ = State::kHeaders;
  bool passes_on_ = false;
  bool passing_ = false;  // feed() is at it: not what it feeds itself
  uint32_t nesting_ = 0;

  // headers
  std::span<char> field_;
  size_t field_size_ = 0;
  bool field_cut_ = false;
  bool first_line_ = false;  // the field's first line is under way
  bool at_line_start_ = false;
  bool part_ = false;         // strict: what is no field ends the headers
  bool first_field_ = false;  // an mbox "From " line may stand here
  uint32_t fields_ = 0;
  uint32_t bad_lines_ = 0;

  // bodies
  bool collecting_ = false;
  FixedText<BoundaryStack::kLineBytes> candidate_;  // the beginning of a line that may delimit
  FixedText<2> line_end_;                           // held back
};

}  // namespace postern::mime
