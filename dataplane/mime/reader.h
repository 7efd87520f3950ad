// A streaming reader of Internet messages (RFC 5322, 2045–2047, 2231).
//
// Theory of operation. Bytes of one message go in, in any segmentation; renderings come out (see
// render.h) and do not depend on the segmentation. Memory is bounded: all buffers are members or
// made by the constructor; reading a message allocates nothing. Damaged input is read as leniently
// as mail clients do and named as an anomaly; there is no error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/mime/render.h"

namespace postern::mime {

struct ReaderLimits {
  uint32_t nesting = 16;          // multiparts and message/rfc822 within each other
  uint32_t header_bytes = 16384;  // of one field, for matching
  uint32_t headers = 1000;        // fields of one header block
  bool digests = false;           // sha256 of every part: inspect and scan want it
  // Hidden text and zero-width characters stay in body(), which then is SpamAssassin's to the
  // letter.
  bool unseen_in_body = false;
};

// One thread. Reused from message to message: begin() makes it new.
class Reader {
 public:
  explicit Reader(const ReaderLimits& limits);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void begin(RenderSink* sink, Renderings wanted = {});
  // `bytes`: the next bytes of the message, line ends CRLF or LF.
  void feed(std::span<const uint8_t> bytes);
  // The message has ended: flushes the last part. No feed() before the next begin().
  void finish();
  uint32_t anomalies() const;  // bits of mime::Anomaly, of the message so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::mime
