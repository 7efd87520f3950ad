#include "dataplane/worker/event_facts.h"

#include <algorithm>
#include <new>

#include "dataplane/worker/session_facts.h"

namespace postern::worker {

void HeaderSample::add(std::string_view name, std::string_view raw) {
  if (cut) return;
  const auto put = [this](std::string_view text) {
    if (length + text.size() > kBytes) return false;
    std::copy_n(text.data(), text.size(), octets.data() + length);
    length = static_cast<uint16_t>(length + text.size());
    return true;
  };
  uint16_t whole_lines = length;
  bool fits = put(name) && put(":");
  while (fits) {
    const size_t end = raw.find('\n');
    std::string_view line = raw.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    fits = put(line) && put("\r\n");
    if (fits) whole_lines = length;
    if (end == raw.npos) break;
    raw.remove_prefix(end + 1);
  }
  length = whole_lines;
  cut = !fits;
}

void begin_event(Event* event, EventKind kind, const Flow& flow, const Now& now) {
  new (event) Event;  // leaves the characters of its texts alone
  event->kind = kind;
  event->wall_us = now.wall_us;
  event->client = flow.client;
  event->server = flow.server;
  event->client_port = flow.client_port;
  event->server_port = flow.server_port;
}

void tell_envelope(Event* event, const smtp::Transaction& transaction) {
  event->mail_from.assign(transaction.mail_from());
  event->null_sender = transaction.has_mail_from && transaction.mail_from_length == 0;
  event->recipients_count = transaction.recipients_count;
  event->recipients_rejected = transaction.recipients_rejected;
  for (uint32_t i = 0; i < std::min<size_t>(transaction.recipients_stored, Event::kRecipients);
       ++i) {
    event->recipients[event->recipients_stored++].assign(transaction.recipient(i));
  }
  event->message_bytes = transaction.message_bytes;
  event->server_reply = transaction.final_reply_code;
  event->smtp_anomalies = transaction.anomalies;
}

void tell_session(Event* event, const smtp::Session& session, const Flow& flow) {
  event->helo.assign(session.helo());
  event->auth_user.assign(session.auth_user());
  event->session = session_facts(flow);
}

void tell_held_by(HeldBy* held_by, const verdict::Verdict& verdict) {
  if (verdict.part == nullptr) {
    held_by->assign(verdict::kSwitchNames[static_cast<size_t>(verdict.held_by)]);
    return;
  }
  std::array<char, SenderPart::kTextBytes> room;
  held_by->assign(verdict.part->text(room));
}

}  // namespace postern::worker
