// The small SMTP server that speaks to a client in the real server's place: after a message was
// refused, or when the sender is blocked.
//
// Theory of operation. Pure: the client's bytes go in, in order; replies come out into the caller's
// buffer, and whether to close. It accepts no mail in any state, so it needs to know nothing of
// messages. It never says 500 to 509: sending servers take that for a fault of their own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/case_reference.h"
#include "base/ip.h"
#include "dataplane/smtp/replies.h"

namespace postern::smtp {

class Responder {
 public:
  enum class Mode : uint8_t {
    kAfterRefusal,  // the refusal of a message has been sent; QUIT is answered, anything else ends
                    // it
    kBlocked,  // greets, and refuses every MAIL: so the sender bounces (a 554 greeting only defers)
    kDeferred,  // 421 at connect, and closed
  };
  struct Answer {
    size_t consumed;  // of the client's bytes; fewer than given only when `out` had no room for one
                      // more reply, or `close` is set (the rest is nobody's)
    size_t written;   // into `out`
    bool close;       // end the connection once that has been sent
  };
  static constexpr uint32_t kCommandsAllowed = 10;  // of a blocked sender; the next is answered 421

  // `texts` outlives the responder.
  void begin(Mode mode, const ReplyTexts* texts, CaseReference case_reference,
             const IpAddress& client);
  // What is to be said before the client says anything. `out`: at least kReplyLineBytes.
  Answer open(std::span<char> out);
  // Commands may be split and pipelined. `out`: at least kReplyLineBytes.
  Answer client_bytes(std::span<const uint8_t> bytes, std::span<char> out);

 private:
  Reply answer_line(bool* close);

  const ReplyTexts* texts_ = nullptr;
  CaseReference case_reference_;
  IpAddress client_;
  Mode mode_ = Mode::kAfterRefusal;
  uint8_t line_used_ = 0;
  uint32_t commands_ = 0;
  std::array<char, 32> line_;  // the beginning of a line: its verb is all we read
};
static_assert(sizeof(Responder) <= 128);

}  // namespace postern::smtp
