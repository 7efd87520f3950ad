// Whoever compares what was scanned with what could be read.
//
// Theory of operation. As the pipeline's observer it writes down the octets of each message that
// the scanner was given. After every step each receiver's stream is held against the message that
// its connection began: octet by octet up to the first that could belong to an end of data, and a
// message that is complete must be one that was let through.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/worker/pipeline.h"
#include "dataplane/worker/testing/mail_host.h"

namespace postern::worker::testing {

class Referee : public Observer {
 public:
  static constexpr std::string_view kSpam = "SPAM-HERE";

  mime::RenderSink* message_begin(const smtp::Transaction& transaction) override;
  void message_bytes(const smtp::Transaction& transaction, std::span<const uint8_t> bytes) override;
  void transaction_over(const Event&, const smtp::Transaction&) override {}

  // A session begins: what was written down before is forgotten.
  void begin(const Counters& counters);
  // Empty, or what is wrong.
  std::string judge(const MailHost& host);
  uint64_t octets_compared() const { return octets_compared_; }
  uint64_t messages_delivered() const { return messages_delivered_; }

 private:
  std::string_view scanned() const;
  std::string judge(const MailHost& host, const Receiver& receiver, size_t* compared);

  const Counters* counters_ = nullptr;
  std::vector<std::pair<const smtp::Transaction*, std::string>> messages_;
  // Of the host's present connection.
  uint32_t connection_ = 0;
  size_t first_message_ = 0;
  uint64_t forwarded_before_ = 0;
  std::array<size_t, 4> compared_{};
  std::array<bool, 4> delivered_{};
  uint64_t octets_compared_ = 0, messages_delivered_ = 0;
};

}  // namespace postern::worker::testing
