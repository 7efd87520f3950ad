#include "dataplane/smtp/transaction.h"

#include <algorithm>

namespace postern::smtp {

void Transaction::clear_envelope() {
  mail_from_offset = mail_from_length = 0;
  has_mail_from = truncated = false;
  mail_reply_code = data_reply_code = final_reply_code = 0;
  recipients_count = recipients_stored = recipients_answered = recipients_rejected = 0;
  message_bytes = 0;
  anomalies = 0;
  text_used = 0;
  message = nullptr;
  begun = chunked = reported = false;
}

uint16_t Transaction::store(std::string_view address, uint16_t* offset) {
  const size_t length = std::min(address.size(), text.size() - text_used);
  if (length < address.size()) truncated = true;
  *offset = text_used;
  std::copy_n(address.data(), length, text.data() + text_used);
  text_used = static_cast<uint16_t>(text_used + length);
  return static_cast<uint16_t>(length);
}

void Transaction::add_mail_from(std::string_view address) {
  has_mail_from = true;
  mail_from_length = store(address, &mail_from_offset);
}

void Transaction::add_recipient(std::string_view address) {
  // The stored recipients are always the first ones, so that replies find them by number.
  const bool room = recipients_count == recipients_stored && recipients_stored < kRecipients &&
                    address.size() <= text.size() - text_used;
  ++recipients_count;
  if (!room) {
    truncated = true;
    return;
  }
  Recipient& recipient = recipients[recipients_stored++];
  recipient.length = store(address, &recipient.offset);
  recipient.reply_code = 0;
}

void Transaction::answer_recipient(uint16_t code) {
  if (recipients_answered == recipients_count) return;
  if (recipients_answered < recipients_stored) recipients[recipients_answered].reply_code = code;
  ++recipients_answered;
  if (code >= 400) ++recipients_rejected;
}

}  // namespace postern::smtp
