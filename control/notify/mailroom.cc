#include "control/notify/mailroom.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

#include "control/notify/happenings.h"
#include "control/notify/mail_text.h"
#include "control/transfer/url.h"

namespace postern::notify {
namespace {

using ledger::Audience;
using ledger::Happening;
using ledger::OutboxChannel;
using ledger::OutboxMessage;
using ledger::Result;

constexpr std::string_view kAuthor = "postern-control";
constexpr uint64_t kFirstPause_s = 60, kLongestPause_s = 3600;
constexpr size_t kMessagesAtOnce = 50;

uint64_t pause_after(uint32_t attempts) {
  return std::min(kLongestPause_s, kFirstPause_s << std::min(attempts, 10u));
}

// The operator's address and a webhook's query are nobody else's business.
std::string where(const OutboxMessage& message) {
  if (message.channel == OutboxChannel::kWebhook) {
    const auto url = transfer::read_url(message.to);
    return fmt::format("webhook {}", url ? url->without_secrets : "(no URL)");
  }
  return message.audience == Audience::kOperator ? "e-mail to the operator"
                                                 : fmt::format("e-mail to {}", message.to);
}

// Messages that go the same way end the same when the way is down.
std::string way_of(const OutboxMessage& message) {
  if (message.channel == OutboxChannel::kEmail) return "letters";
  const auto url = transfer::read_url(message.to);
  return url ? url->host : message.to;
}

}  // namespace

// What happened to a case and an audience has not been told.
struct Mailroom::Pending {
  CaseReference reference;
  Audience audience;
  std::vector<Happening> happenings;
  bool at_once = false;
};

Mailroom::Mailroom(ledger::Ledger& ledger, const Settings& settings,
                   std::function<std::string(CaseReference)> case_url,
                   const std::atomic<bool>& stop)
    : ledger_(ledger),
      settings_(settings),
      writer_(settings, std::move(case_url)),
      stop_(stop),
      ways_{
          .letter =
              [this](const OutboxMessage& message) {
                return settings_.submission.url.empty() ? put_into_spool(message, settings_)
                                                        : submit(message, settings_, stop_);
              },
          .webhook =
              [this](const OutboxMessage& message, const std::string& secret, uint64_t now_unix_s) {
                return post(message, secret, settings_, now_unix_s, stop_);
              }} {}

Result<void> Mailroom::tell(CaseReference reference, const std::string& what, uint64_t now_unix_s) {
  const HappeningKind* kind = find_happening(what);
  if (kind == nullptr) return {};
  std::vector<Happening> happenings;
  for (const Audience audience : {Audience::kCustomer, Audience::kOperator}) {
    const bool wanted = audience == Audience::kCustomer
                            ? kind->to_customer && settings_.tell_customers
                            : !settings_.operators.empty();
    if (wanted)
      happenings.push_back(
          {.reference = reference, .audience = audience, .what = what, .at_unix_s = now_unix_s});
  }
  return happenings.empty() ? Result<void>() : ledger_.outbox().note(happenings);
}

Result<std::vector<Mailroom::Pending>> Mailroom::pending() {
  const auto happenings = ledger_.outbox().happenings();
  if (!happenings) return std::unexpected(happenings.error());
  std::map<std::pair<CaseReference, Audience>, Pending> by_case;
  for (const Happening& one : *happenings) {
    Pending& about = by_case[{one.reference, one.audience}];
    about.reference = one.reference;
    about.audience = one.audience;
    about.happenings.push_back(one);
    const HappeningKind* kind = find_happening(one.what);
    about.at_once |= kind != nullptr && kind->at_once;
  }
  std::vector<Pending> out;
  for (auto& [key, about] : by_case) out.push_back(std::move(about));
  return out;
}

Result<uint64_t> Mailroom::digest_s(const Pending& about) {
  if (about.audience == Audience::kOperator) return settings_.operator_digest_s;
  const auto found = ledger_.cases().find(about.reference);
  if (!found) return std::unexpected(found.error());
  if (!*found) return 0;
  const auto customer = (*found)->customer != 0
                            ? ledger_.customers().find((*found)->customer)
                            : ledger_.customers().owner_of((*found)->subject.server.address);
  if (!customer) return std::unexpected(customer.error());
  return *customer ? uint64_t{(*customer)->channels.digest_minutes} * 60 : 0;
}

Result<void> Mailroom::make(uint64_t now_unix_s) {
  const auto all = pending();
  if (!all) return std::unexpected(all.error());
  Result<void> out;
  for (const Pending& about : *all) {
    // One that cannot be told keeps no other from being told.
    const auto made = make_one(about, now_unix_s);
    if (!made) {
      out = std::unexpected(fmt::format("case {}: {}", about.reference.to_string(), made.error()));
    }
  }
  return out;
}

Result<void> Mailroom::make_one(const Pending& about, uint64_t now_unix_s) {
  const auto last = ledger_.outbox().last_told(about.reference, about.audience);
  if (!last) return std::unexpected(last.error());
  if (*last && !about.at_once) {
    const auto digest = digest_s(about);
    if (!digest) return std::unexpected(digest.error());
    if (now_unix_s < (*last)->created_unix_s + *digest) return {};
  }
  const auto facts = read_facts(ledger_, about.reference);
  if (!facts) return std::unexpected(facts.error());
  std::vector<uint64_t> told;
  std::vector<std::string> what;
  for (const Happening& one : about.happenings) {
    told.push_back(one.id);
    what.push_back(one.what);
  }
  std::vector<OutboxMessage> messages;
  if (*facts) {
    messages =
        writer_.write(**facts, about.audience, what, *last ? (*last)->entries_told : 0, now_unix_s);
  } else {
    spdlog::error("case {} is not in the ledger; nobody is told of it",
                  about.reference.to_string());
  }
  return ledger_.outbox().add(messages, told);
}

Delivery Mailroom::attempt(const OutboxMessage& message, uint64_t now_unix_s) {
  if (message.channel == OutboxChannel::kEmail) {
    if (is_mail_address(message.to)) return ways_.letter(message);
    return {.hopeless = true,
            .text = "this is no e-mail address in ASCII: correct it in the customer's record"};
  }
  const auto customer = ledger_.customers().find(message.customer);
  if (!customer) return {.text = customer.error()};
  if (!*customer) return {.hopeless = true, .text = "the customer is no more"};
  // The secret of today: it may have been changed since.
  return ways_.webhook(message, (*customer)->channels.webhook_secret, now_unix_s);
}

Result<size_t> Mailroom::deliver(uint64_t now_unix_s) {
  std::map<std::string, std::string> down;  // and why
  size_t attempts = 0;
  while (!stop_) {
    const auto due = ledger_.outbox().due(now_unix_s, kMessagesAtOnce);
    if (!due) return std::unexpected(due.error());
    if (due->empty()) break;
    for (const OutboxMessage& message : *due) {
      if (stop_) break;
      // Written before it is tried: where a ledger that is full, or this process's end, keeps the
      // outcome from being noted, the message is not sent again and again.
      const uint64_t next = now_unix_s + pause_after(message.attempts);
      if (auto begun = ledger_.outbox().begin(message.id, next); !begun)
        return std::unexpected(begun.error());
      const std::string way = way_of(message);
      Delivery result;
      if (const auto found = down.find(way); found != down.end()) {
        result.text = found->second;
      } else {
        result = attempt(message, now_unix_s);
        ++attempts;
        if (stop_ && !result.done) break;  // it was cut off: no fault of its own
      }
      if (result.way_is_down) down.emplace(way, result.text);
      const std::string text = one_line(result.text, 500);
      Result<void> noted;
      if (result.done) {
        noted = ledger_.outbox().delivered(message.id,
                                           {now_unix_s, std::string(kAuthor), "notified",
                                            fmt::format("{}: {}", where(message), message.what)});
      } else if (result.hopeless ||
                 now_unix_s >= message.created_unix_s + settings_.give_up_after_s) {
        spdlog::error("case {}: {} is given up: {}", message.reference.to_string(), where(message),
                      text);
        noted = ledger_.outbox().give_up(
            message.id, text,
            {now_unix_s, std::string(kAuthor), "not delivered",
             fmt::format("{} ({}): {}", where(message), message.what, text)});
      } else {
        spdlog::warn("case {}: {} is tried again in {} s: {}", message.reference.to_string(),
                     where(message), next - now_unix_s, text);
        noted = ledger_.outbox().failed(message.id, next, text);
      }
      if (!noted) return std::unexpected(noted.error());
    }
  }
  return attempts;
}

Result<std::optional<uint64_t>> Mailroom::next(uint64_t now_unix_s) {
  auto out = ledger_.outbox().next_attempt();
  if (!out) return out;
  const auto all = pending();
  if (!all) return std::unexpected(all.error());
  for (const Pending& about : *all) {
    const auto last = ledger_.outbox().last_told(about.reference, about.audience);
    if (!last) return std::unexpected(last.error());
    const auto digest = digest_s(about);
    if (!digest) return std::unexpected(digest.error());
    const uint64_t at = *last && !about.at_once ? (*last)->created_unix_s + *digest : now_unix_s;
    *out = std::min(out->value_or(at), at);
  }
  return out;
}

Result<std::optional<std::vector<OutboxMessage>>> Mailroom::preview(CaseReference reference,
                                                                    const std::string& what,
                                                                    uint64_t now_unix_s) {
  const auto facts = read_facts(ledger_, reference);
  if (!facts) return std::unexpected(facts.error());
  if (!*facts) return std::nullopt;
  const std::vector<std::string> happened{what};
  std::vector<OutboxMessage> out =
      writer_.write(**facts, Audience::kCustomer, happened, 0, now_unix_s);
  for (OutboxMessage& message :
       writer_.write(**facts, Audience::kOperator, happened, 0, now_unix_s))
    out.push_back(std::move(message));
  return out;
}

Delivery Mailroom::test(const std::string& to, uint64_t now_unix_s) {
  const OutboxMessage message = writer_.test(to, now_unix_s);
  return message.channel == OutboxChannel::kWebhook ? ways_.webhook(message, "", now_unix_s)
                                                    : ways_.letter(message);
}

}  // namespace postern::notify
