#include "dataplane/mime/message_stream.h"

#include <algorithm>
#include <utility>

#include "dataplane/mime/ascii.h"

namespace postern::mime {
namespace {

constexpr uint32_t kBadLines = 3;  // lines that are no fields, ignored before the body begins

std::string_view without_line_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// CRLF becomes LF.
size_t drop_carriage_returns(std::span<char> text) {
  char* const begin = text.data();
  char* const end = begin + text.size();
  const auto carriage_return = [end](char* p) {
    void* found = std::memchr(p, '\r', static_cast<size_t>(end - p));
    return found == nullptr ? end : static_cast<char*>(found);
  };
  char* out = carriage_return(begin);
  for (char* p = out; p < end;) {
    if (end - p > 1 && p[1] == '\n') ++p;
    char* const next = carriage_return(p + 1);
    std::memmove(out, p, static_cast<size_t>(next - p));
    out += next - p;
    p = next;
  }
  return static_cast<size_t>(out - begin);
}

}  // namespace

MessageStream::MessageStream(StructureSink* sink, std::span<char> field, uint32_t nesting,
                             uint32_t fields)
    : sink_(sink),
      nesting_limit_(nesting),
      field_limit_(fields),
      boundaries_(nesting),
      field_(field) {}

void MessageStream::begin(uint32_t outer) {
  boundaries_.begin();
  nesting_ = outer;
  line_end_.clear();
  collecting_ = false;
  candidate_.clear();
  passes_on_ = false;
  begin_entity(false, false);
}

void MessageStream::begin_entity(bool part, bool in_digest) {
  state_ = State::kHeaders;
  field_size_ = 0;
  field_cut_ = false;
  first_line_ = true;
  at_line_start_ = true;
  part_ = part;
  first_field_ = true;
  fields_ = 0;
  bad_lines_ = 0;
  sink_->entity_begin(*this, part, in_digest);
}

void MessageStream::feed(std::string_view in) {
  while (!in.empty()) {
    const bool pass = passes_on_ && !std::exchange(passing_, passes_on_);
    const std::string_view rest = state_ == State::kHeaders ? take_headers(in) : take_body(in);
    if (pass) {
      passing_ = false;
      sink_->passed(in.substr(0, in.size() - rest.size()));
    }
    in = rest;
  }
}

void MessageStream::finish() {
  // The last line of headers may lack its end.
  if (state_ == State::kHeaders && first_line_ && !at_line_start_) take_header_line();
  close_headers();
  if (collecting_) {
    collecting_ = false;
    if (!take_delimiter(without_line_end(candidate_.view()))) {
      flush_line_end();
      deliver(candidate_.view());
    }
    close_headers();  // of a part of which only the delimiter came
  }
  flush_line_end();
  if (state_ == State::kPreamble) sink_->preamble_end(*this, false);
  if (state_ == State::kLeaf) sink_->leaf_end(*this);
  if (boundaries_.depth() > 0) sink_->anomaly(Anomaly::kMissingEndBoundary);
  state_ = State::kEpilogue;
  boundaries_.begin();
}

// No more of the headers comes, nor of the headers of a message that may begin where they end.
void MessageStream::close_headers() {
  while (state_ == State::kHeaders) {
    end_field();
    sink_->headers_end(*this);
  }
}

bool MessageStream::open_multipart(std::string_view boundary, bool digest) {
  if (nesting_ >= nesting_limit_ || !boundaries_.push(boundary, digest, nesting_)) return false;
  ++nesting_;
  state_ = State::kPreamble;
  at_line_start_ = true;
  return true;
}

bool MessageStream::open_message() {
  if (nesting_ >= nesting_limit_) return false;
  ++nesting_;
  begin_entity(false, false);
  return true;
}

void MessageStream::open_leaf() {
  state_ = State::kLeaf;
  at_line_start_ = true;
}

// --- headers ---

std::string_view MessageStream::take_headers(std::string_view in) {
  while (!in.empty()) {
    if (at_line_start_) {
      first_line_ = field_size_ == 0 || !is_blank(in[0]);
      if (first_line_) end_field();
      at_line_start_ = false;
    }
    const size_t line_feed = in.find('\n');
    const std::string_view piece = in.substr(0, line_feed == in.npos ? in.npos : line_feed + 1);
    const size_t taken = std::min(piece.size(), field_.size() - field_size_);
    std::memcpy(field_.data() + field_size_, piece.data(), taken);
    field_size_ += taken;
    const bool overflow = taken < piece.size();
    if (overflow && first_line_ && !is_field()) {
      // A long line that is no field: text, to be handed on as it is.
      if (!take_header_line()) return in.substr(taken);
    }
    field_cut_ = field_cut_ || overflow;
    in.remove_prefix(piece.size());
    if (line_feed == piece.npos) break;
    at_line_start_ = true;
    if (first_line_ && !take_header_line()) return in;
  }
  return in;
}

// The first line of what should be a field is whole. False when it ended the headers.
bool MessageStream::take_header_line() {
  const std::string_view line(field_.data(), field_size_);
  const bool first = std::exchange(first_field_, false);
  if (without_line_end(line).empty()) {
    field_size_ = 0;
    sink_->headers_end(*this);
    return false;
  }
  const bool dashes = line.starts_with("--");
  if (dashes && (!part_ || boundaries_.match(without_line_end(line)).found)) {
    end_headers_at(line);
    return false;
  }
  if (is_field()) return true;
  if (first && (line.starts_with("From ") || line.starts_with(">From "))) {
    field_size_ = 0;
    return true;
  }
  sink_->anomaly(Anomaly::kHeaderSyntax);
  if (part_ || ++bad_lines_ > kBadLines) {
    end_headers_at(line);
    return false;
  }
  field_size_ = 0;
  return true;
}

// The body begins without a blank line, with `line`, which stands in the field's room.
void MessageStream::end_headers_at(std::string_view line) {
  field_size_ = 0;
  field_cut_ = false;
  sink_->headers_end(*this);
  // A message within a part needs room for its own fields: but then its line is one.
  if (state_ == State::kHeaders) {
    candidate_.assign(line);
    line = candidate_.view();
  }
  feed(line);
}

bool MessageStream::is_field() const {
  size_t at = 0;
  while (at < field_size_ && field_[at] > ' ' && field_[at] < 0x7f && field_[at] != ':') ++at;
  if (at == 0) return false;
  while (at < field_size_ && is_blank(field_[at])) ++at;
  return at < field_size_ && field_[at] == ':';
}

void MessageStream::end_field() {
  const size_t size = std::exchange(field_size_, 0);
  const bool cut = std::exchange(field_cut_, false);
  if (size == 0) return;
  if (cut) sink_->anomaly(Anomaly::kLongHeader);
  if (++fields_ > field_limit_) {
    sink_->anomaly(Anomaly::kTooManyHeaders);
    return;
  }
  const std::string_view text(field_.data(), drop_carriage_returns(field_.first(size)));
  const size_t colon = text.find(':');
  if (colon == text.npos) return;
  sink_->field(*this, trim(text.substr(0, colon)), without_line_end(text.substr(colon + 1)));
}

// --- bodies ---

std::string_view MessageStream::take_body(std::string_view in) {
  if (boundaries_.depth() == 0) {
    deliver(in);
    return {};
  }
  while (!in.empty()) {
    if (collecting_) {
      if (take_candidate(in)) return in;
    } else if (at_line_start_) {
      if (take_line_start(in)) return in;
    } else {
      in = take_text(in);
    }
  }
  return in;
}

// Goes on with a line that began with "-". True when it was a delimiter.
bool MessageStream::take_candidate(std::string_view& in) {
  const size_t line_feed = in.find('\n');
  const std::string_view piece = in.substr(0, line_feed == in.npos ? in.npos : line_feed + 1);
  const bool hopeful = candidate_.size() < 2 || candidate_.view().starts_with("--");
  if (hopeful && piece.size() <= candidate_.kCapacity - candidate_.size()) {
    candidate_.append(piece);
    in.remove_prefix(piece.size());
    if (line_feed == piece.npos) return false;
    if (take_delimiter(without_line_end(candidate_.view()))) {
      collecting_ = false;
      return true;
    }
  }
  // Text after all; the end of it may yet be a line end before a delimiter.
  collecting_ = false;
  at_line_start_ = false;
  flush_line_end();
  take_text(candidate_.view());
  return false;
}

// True when the line that begins `in` is a delimiter.
bool MessageStream::take_line_start(std::string_view& in) {
  if (in[0] == '-') {
    const size_t line_feed = in.substr(0, BoundaryStack::kLineBytes).find('\n');
    if (line_feed != in.npos) {
      if (take_delimiter(without_line_end(in.substr(0, line_feed + 1)))) {
        in.remove_prefix(line_feed + 1);
        return true;
      }
    } else if (in.size() < BoundaryStack::kLineBytes) {
      candidate_.assign(in);
      collecting_ = true;
      in = {};
      return false;
    }
  }
  flush_line_end();
  at_line_start_ = false;
  return false;
}

// Text within a line and the lines after it, up to one that may delimit; returns the rest.
std::string_view MessageStream::take_text(std::string_view in) {
  if (!line_end_.empty()) {  // a carriage return, whose line feed may come now
    if (in[0] == '\n') {
      line_end_.append('\n');
      at_line_start_ = true;
      return in.substr(1);
    }
    flush_line_end();
  }
  const void* found = memmem(in.data(), in.size(), "\n--", 3);
  if (found != nullptr) {
    const size_t line_feed = static_cast<size_t>(static_cast<const char*>(found) - in.data());
    hold_line_end(in, line_feed);
    return in.substr(line_feed + 1);
  }
  if (in.ends_with('\n')) {
    hold_line_end(in, in.size() - 1);
    return {};
  }
  if (in.ends_with("\n-")) {
    hold_line_end(in, in.size() - 2);
    return in.substr(in.size() - 1);
  }
  if (in.ends_with('\r')) {
    deliver(in.substr(0, in.size() - 1));
    line_end_.assign("\r");
    return {};
  }
  deliver(in);
  return {};
}

// Delivers `text` before the line end at `line_feed`, and holds that back.
void MessageStream::hold_line_end(std::string_view text, size_t line_feed) {
  const size_t end = line_feed > 0 && text[line_feed - 1] == '\r' ? line_feed - 1 : line_feed;
  deliver(text.substr(0, end));
  line_end_.assign(text.substr(end, line_feed + 1 - end));
  at_line_start_ = true;
}

bool MessageStream::take_delimiter(std::string_view line) {
  const BoundaryStack::Match match = boundaries_.match(line);
  if (!match.found) return false;
  line_end_.clear();
  const bool inner = boundaries_.depth() > match.depth + 1;
  if (state_ == State::kPreamble) sink_->preamble_end(*this, !inner && !match.closing);
  if (state_ == State::kLeaf) sink_->leaf_end(*this);
  if (inner) sink_->anomaly(Anomaly::kMissingEndBoundary);
  nesting_ = boundaries_.outer(match.depth);
  if (match.closing) {
    boundaries_.pop_to(match.depth);
    state_ = State::kEpilogue;
    at_line_start_ = true;
    sink_->epilogue_begin(*this);
    return true;
  }
  boundaries_.pop_to(match.depth + 1);
  ++nesting_;
  begin_entity(true, boundaries_.digest(match.depth));
  return true;
}

void MessageStream::flush_line_end() {
  deliver(line_end_.view());
  line_end_.clear();
}

void MessageStream::deliver(std::string_view octets) {
  if (octets.empty()) return;
  if (state_ == State::kLeaf) {
    sink_->octets(*this, octets);
  } else if (state_ == State::kPreamble) {
    sink_->preamble(*this, octets);
  } else if (state_ == State::kEpilogue) {
    sink_->epilogue(*this, octets);
  }
}

}  // namespace postern::mime
