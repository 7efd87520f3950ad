// Answers about senders, verdicts, events, signature sets and feeds.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "control/api/asking.h"
#include "control/channel/json.h"
#include "control/channel/treatment.h"
#include "control/server/clock.h"
#include "control/server/wire.h"

namespace postern::api {
namespace {

using namespace channel::v1;
using channel::to_json;
using nlohmann::ordered_json;
using Verdicts = Operator::Stub;
using Cases = CaseDesk::Stub;

constexpr uint32_t kEventsForRules = 2'000;
constexpr uint64_t kDay_s = 86'400;

ordered_json change_json(const ChangeReply& reply) {
  return {{"version", reply.version()},
          {"attached", reply.attached()},
          {"in_force", reply.in_force()},
          {"verdict", to_json(reply.entry())}};
}

// What a sender did, hour by hour, for a small picture of it.
ordered_json hours_of(Call& call, const std::string& address) {
  ordered_json out = ordered_json::array();
  const auto prefix = IpPrefix::parse(address);
  if (!prefix) return out;
  const auto hours = call.desks.ledger.senders().hours_of(*prefix, call.now_unix_s - kDay_s);
  if (!hours) return out;
  for (const ledger::SenderHour& hour : *hours) {
    out.push_back({{"hour_unix_s", hour.hour_unix_s},
                   {"messages", hour.counts.messages},
                   {"refused_spam", hour.counts.refused_spam}});
  }
  return out;
}

// A verdict's place in the order of all of them: "192.0.2.0/24 smorf-block user:bob".
std::string cursor_of(const ledger::Verdict& verdict) {
  return fmt::format("{} {} {}", verdict.prefix.to_string(), channel::switch_name(verdict.of),
                     verdict.part.to_string());
}

Parsed<ledger::VerdictKey> read_cursor(const std::string& text) {
  const auto mistake = [] { return std::unexpected("after is the `next` of an earlier reply"); };
  const size_t first = text.find(' ');
  const size_t second = first == text.npos ? text.npos : text.find(' ', first + 1);
  if (second == text.npos) return mistake();
  const auto prefix = IpPrefix::parse(text.substr(0, first));
  const auto of = channel::parse_switch(text.substr(first + 1, second - first - 1));
  const std::string part_text = text.substr(second + 1);
  ledger::VerdictKey key;
  if (!part_text.empty()) {
    const auto part = ledger::Part::parse(part_text);
    if (!part) return mistake();
    key.part = *part;
  }
  if (!prefix || !of) return mistake();
  key.prefix = *prefix;
  key.of = *of;
  return key;
}

}  // namespace

Answer show_status(Call& call) {
  if (const auto fine = ask_nothing(call.parameters); !fine) return problem(400, fine.error());
  const auto reply = ask(call.desks.verdicts, &Verdicts::Status, StatusRequest());
  if (!reply) return reply.error();
  return {200, to_json(*reply, server::unix_ms())};
}

Answer list_senders(Call& call) {
  const auto question = ask_senders(call.parameters);
  if (!question) return problem(400, question.error());
  const auto reply = ask(call.desks.cases, &Cases::ListSenders, question->request);
  if (!reply) return reply.error();
  ordered_json out = page_of("senders", reply->senders(), question->page, [&](const Sender& row) {
    ordered_json json = to_json(row);
    if (question->hours) json["hours"] = hours_of(call, row.address());
    return json;
  });
  out["since_unix_s"] = reply->since_unix_s();
  return {200, std::move(out)};
}

Answer show_sender(Call& call) {
  auto request = ask_sender(call.parameters);
  if (!request) return problem(400, request.error());
  request->set_address(call.names[0]);
  const auto reply = ask(call.desks.cases, &Cases::ShowSender, *request);
  if (!reply) return reply.error();
  return {200, to_json(*reply)};
}

Answer explain_sender(Call& call) {
  if (const auto fine = ask_nothing(call.parameters); !fine) return problem(400, fine.error());
  ExplainRequest request;
  request.set_address(call.names[0]);
  const auto reply = ask(call.desks.verdicts, &Verdicts::Explain, request);
  if (!reply) return reply.error();
  return {200, to_json(*reply, call.names[0])};
}

Answer list_events(Call& call) {
  const auto request = ask_events(call.parameters);
  if (!request) return problem(400, request.error());
  const auto reply = ask(call.desks.verdicts, &Verdicts::ListEvents, *request);
  if (!reply) return reply.error();
  ordered_json rows = ordered_json::array();
  for (const Event& event : reply->events()) rows.push_back(to_json(event));
  return {200, {{"events", std::move(rows)}}};
}

// Page by page from the ledger itself: all of them together can be millions.
Answer list_verdicts(Call& call) {
  const auto question = ask_verdicts(call.parameters);
  if (!question) return problem(400, question.error());
  std::optional<ledger::VerdictKey> after;
  if (!question->after.empty()) {
    const auto key = read_cursor(question->after);
    if (!key) return problem(400, key.error());
    after = *key;
  }
  std::vector<ledger::Verdict> rows;
  if (question->within.empty()) {
    auto page = call.desks.ledger.verdicts_after(after, question->limit + 1);
    if (!page) return problem(500, page.error());
    rows = std::move(*page);
  } else {
    const auto within = IpPrefix::parse(question->within);
    if (!within) return problem(400, within.error());
    auto page = call.desks.ledger.verdicts_within(*within);
    if (!page) return problem(500, page.error());
    rows = std::move(*page);
    if (after) {
      const auto there = std::ranges::find(rows, *after, &ledger::Verdict::key);
      rows.erase(rows.begin(), there == rows.end() ? rows.begin() : there + 1);
    }
  }
  const bool more = rows.size() > question->limit;
  if (more) rows.resize(question->limit);
  ordered_json list = ordered_json::array();
  for (const ledger::Verdict& verdict : rows) list.push_back(to_json(server::to_entry(verdict)));
  return {200,
          {{"verdicts", std::move(list)},
           {"next", more ? ordered_json(cursor_of(rows.back())) : ordered_json()},
           {"version", call.desks.ledger.version().number}}};
}

Answer show_verdict(Call& call) {
  const auto request = ask_verdict(call.parameters);
  if (!request) return problem(400, request.error());
  const auto reply = ask(call.desks.verdicts, &Verdicts::ShowVerdict, *request);
  if (!reply) return reply.error();
  ordered_json verdicts = ordered_json::array(), history = ordered_json::array();
  for (const VerdictEntry& entry : reply->entries()) verdicts.push_back(to_json(entry));
  for (const HistoryEntry& entry : reply->history()) history.push_back(to_json(entry));
  return {200, {{"verdicts", std::move(verdicts)}, {"history", std::move(history)}}};
}

Answer set_verdict(Call& call) {
  auto request = read_set_verdict(call.body);
  if (!request) return problem(400, request.error());
  request->set_author(call.author);
  const auto reply = ask(call.desks.verdicts, &Verdicts::SetVerdict, *request);
  if (!reply) return reply.error();
  return {200, change_json(*reply)};
}

Answer clear_verdict(Call& call) {
  auto request = read_clear_verdict(call.body);
  if (!request) return problem(400, request.error());
  request->set_author(call.author);
  const auto reply = ask(call.desks.verdicts, &Verdicts::ClearVerdict, *request);
  if (!reply) return reply.error();
  return {200, change_json(*reply)};
}

Answer list_signatures(Call& call) {
  if (const auto fine = ask_nothing(call.parameters); !fine) return problem(400, fine.error());
  const auto reply = ask(call.desks.verdicts, &Verdicts::ListSignatures, ListSignaturesRequest());
  if (!reply) return reply.error();
  return {200, to_json(*reply)};
}

// How often each rule hit, in the newest events: by set, most hits first.
Answer count_rules(Call& call) {
  if (const auto fine = ask_nothing(call.parameters); !fine) return problem(400, fine.error());
  ListEventsRequest request;
  request.set_limit(kEventsForRules);
  const auto reply = ask(call.desks.verdicts, &Verdicts::ListEvents, request);
  if (!reply) return reply.error();
  struct Row {
    uint64_t hits = 0, refused = 0;
  };
  std::map<std::string, std::map<std::string, Row>> sets;
  std::map<std::string, uint64_t> messages;
  for (const Event& event : reply->events()) {
    if (event.signature_set().empty()) continue;
    ++messages[event.signature_set()];
    for (const std::string& rule : event.rules()) {
      Row& row = sets[event.signature_set()][rule];
      ++row.hits;
      row.refused += event.outcome().starts_with("refused") ? 1 : 0;
    }
  }
  ordered_json out = ordered_json::array();
  for (const auto& [digest, count] : messages) {
    std::vector<std::pair<std::string, Row>> rows(sets[digest].begin(), sets[digest].end());
    std::ranges::stable_sort(rows, std::ranges::greater(),
                             [](const auto& row) { return row.second.hits; });
    ordered_json rules = ordered_json::array();
    for (const auto& [name, row] : rows)
      rules.push_back({{"rule", name}, {"hits", row.hits}, {"refused", row.refused}});
    out.push_back({{"digest", digest}, {"messages", count}, {"rules", std::move(rules)}});
  }
  return {200, {{"sets", std::move(out)}, {"events", reply->events_size()}}};
}

Answer order_signatures(Call& call) {
  auto request = read_signature_order(call.body);
  if (!request) return problem(400, request.error());
  request->set_author(call.author);
  request->set_wait_ms(5'000);
  const auto reply = ask(call.desks.verdicts, &Verdicts::LoadSignatures, *request);
  if (!reply) return reply.error();
  return {200, to_json(*reply)};
}

Answer list_feeds(Call& call) {
  if (const auto fine = ask_nothing(call.parameters); !fine) return problem(400, fine.error());
  const auto reply = ask(call.desks.verdicts, &Verdicts::ListFeeds, ListFeedsRequest());
  if (!reply) return reply.error();
  ordered_json rows = ordered_json::array();
  for (const FeedState& feed : reply->feeds()) rows.push_back(to_json(feed));
  return {200, {{"feeds", std::move(rows)}}};
}

}  // namespace postern::api
