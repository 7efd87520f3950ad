#include "dataplane/worker/event_facts.h"

#include <algorithm>
#include <new>

#include "dataplane/worker/session_facts.h"

namespace postern::worker {

void HeaderSample::add(std::string_view name, std::string_view raw) {
  if (cut) return;
  const auto append = [this](std::string_view text) {
    std::copy_n(text.data(), text.size(), octets.data() + length);
    length = static_cast<uint16_t>(length + text.size());
  };
  const size_t room = kBytes - length;
  if (name.size() + 1 + raw.size() + 2 <= room) {
    append(name);
    append(":");
    append(raw);
    append("\r\n");
    return;
  }
  cut = true;
  if (name.size() + 1 >= room) return;
  // As many of the field's lines as fit.
  const size_t end = raw.substr(0, room - name.size() - 1).rfind('\n');
  if (end == raw.npos) return;
  append(name);
  append(":");
  append(raw.substr(0, end + 1));
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
