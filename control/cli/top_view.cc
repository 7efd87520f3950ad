#include "control/cli/top_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <sstream>
#include <utility>

#include "base/plain_text.h"
#include "base/time_text.h"
#include "control/channel/counters.h"
#include "control/channel/json.h"
#include "control/cli/table.h"
#include "control/cli/verdict_text.h"

namespace postern::cli {
namespace {

using namespace channel::v1;
using nlohmann::ordered_json;
using Look = TopLine::Look;

struct Counted {
  uint64_t messages = 0, refused = 0;
};

Counted counted(const DataPlaneStatus& status) {
  Counted out;
  for (const auto& [name, value] : channel::summed_counters(status)) {
    if (name == "messages_seen") out.messages = value;
    if (name.starts_with("messages_refused_")) out.refused += value;
  }
  return out;
}

double share(const SenderCounts& counts) {
  return counts.messages() == 0
             ? 0.0
             : static_cast<double>(counts.refused_spam()) / static_cast<double>(counts.messages());
}

std::vector<const Sender*> in_order(const ListSendersReply& reply, TopOrder order) {
  std::vector<const Sender*> out;
  for (const Sender& sender : reply.senders()) out.push_back(&sender);
  const auto most_first = [&](auto value) {
    std::ranges::stable_sort(out, std::ranges::greater(), value);
  };
  switch (order) {
    case TopOrder::kMessages:
      most_first([](const Sender* s) { return s->counts().messages(); });
      break;
    case TopOrder::kSpam:
      most_first([](const Sender* s) { return s->counts().refused_spam(); });
      break;
    case TopOrder::kShare:
      most_first([](const Sender* s) { return share(s->counts()); });
      break;
    case TopOrder::kAddress:  // as control knows to sort them
      break;
  }
  return out;
}

// The last rank is left out first.
struct Column {
  const char* name;
  int rank;
  std::string (*text)(const Sender& sender);
};

std::string number(uint64_t n) { return fmt::format("{}", n); }

constexpr Column kColumns[] = {
    {"SENDER", 0, [](const Sender& s) { return plain_text(s.address(), 60); }},
    {"MESSAGES", 2, [](const Sender& s) { return number(s.counts().messages()); }},
    {"SPAM", 1, [](const Sender& s) { return number(s.counts().refused_spam()); }},
    {"SHARE", 5,
     [](const Sender& s) {
       return s.counts().messages() == 0 ? std::string("-")
                                         : fmt::format("{:.0f} %", 100 * share(s.counts()));
     }},
    {"BLOCKED", 6, [](const Sender& s) { return number(s.counts().refused_blocked()); }},
    {"DEFERRED", 8, [](const Sender& s) { return number(s.counts().deferred()); }},
    {"IN FORCE", 3,
     [](const Sender& s) {
       return s.has_in_force() ? switch_text(s.in_force()) : std::string("-");
     }},
    {"CASE", 4, [](const Sender& s) { return case_text(s.open_case()); }},
    {"CUSTOMER", 7, [](const Sender& s) { return plain_text(s.customer(), 30); }},
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

bool fits(const std::vector<std::string>& lines, size_t columns) {
  return std::ranges::all_of(lines,
                             [&](const std::string& line) { return width(line) <= columns; });
}

std::vector<std::string> sender_table(const std::vector<const Sender*>& senders, size_t columns) {
  std::vector<std::string> lines;
  for (int last = static_cast<int>(std::size(kColumns)) - 1; last >= 0; --last) {
    std::vector<std::string> header;
    for (const Column& column : kColumns)
      if (column.rank <= last) header.emplace_back(column.name);
    Table table(std::move(header));
    for (const Sender* sender : senders) {
      std::vector<std::string> row;
      for (const Column& column : kColumns)
        if (column.rank <= last) row.push_back(column.text(*sender));
      table.add(std::move(row));
    }
    lines = lines_of(table.to_string());
    if (fits(lines, columns)) break;
  }
  return lines;
}

std::string gate_text(const AttachedDataPlane& gate, const StatusReply& status,
                      const std::map<std::string, TopRate>& rates) {
  std::string out = plain_text(gate.gate(), 60) + ": ";
  if (!gate.attached()) return out + "NOT ATTACHED";
  const auto rate = rates.find(gate.gate());
  out += rate == rates.end() ? "-" : fmt::format("{:.1f}", rate->second.messages);
  out += " messages/s, ";
  out += rate == rates.end() ? "-" : fmt::format("{:.1f}", rate->second.refused);
  out += " refused/s, ";
  out += gate.acknowledged_version() == status.version()
             ? fmt::format("version {}", status.version())
             : fmt::format("version {} of {}", gate.acknowledged_version(), status.version());
  const std::string& set = gate.status().signature_set();
  out += set.empty() ? ", NO SIGNATURE SET" : fmt::format(", {}", plain_text(set, 40));
  return out;
}

bool is_well(const AttachedDataPlane& gate, const StatusReply& status) {
  return gate.attached() && gate.acknowledged_version() == status.version() &&
         !gate.status().signature_set().empty();
}

std::string cases_text(const ListCasesReply& cases) {
  if (cases.cases_size() == 0) return "cases: none is open";
  std::map<std::string, int> by_state;
  for (const CaseSummary& one : cases.cases()) ++by_state[one.state()];
  std::string out = "cases:";
  for (const auto& [state, count] : by_state)
    out += fmt::format("{} {} {}", out.back() == ':' ? "" : ",", count, plain_text(state, 30));
  return out;
}

constexpr std::string_view kHelp[] = {
    "q  quit",
    "s  sort senders by messages, spam, share, address",
    "p  pause, and go on",
    "up, down, page up, page down  scroll",
    "?  this, and back",
};

void cut(TopLine& line, size_t columns) {
  if (columns > 0 && width(line.text) > columns) line.text = printable(line.text, columns - 1);
}

}  // namespace

std::map<std::string, TopRate> top_rates(const TopFrame& before, const TopFrame& now) {
  std::map<std::string, TopRate> out;
  if (now.at_unix_ms <= before.at_unix_ms) return out;
  const double seconds = static_cast<double>(now.at_unix_ms - before.at_unix_ms) / 1000;
  for (const AttachedDataPlane& gate : now.status.data_planes()) {
    for (const AttachedDataPlane& earlier : before.status.data_planes()) {
      if (earlier.gate() != gate.gate()) continue;
      const Counted was = counted(earlier.status()), is = counted(gate.status());
      if (is.messages < was.messages || is.refused < was.refused) continue;
      out[gate.gate()] = {static_cast<double>(is.messages - was.messages) / seconds,
                          static_cast<double>(is.refused - was.refused) / seconds};
    }
  }
  return out;
}

std::vector<TopLine> top_lines(const TopFrame& frame, const std::map<std::string, TopRate>& rates,
                               const TopScreen& screen) {
  std::vector<TopLine> out;
  out.push_back({fmt::format("postern {}, {}{}", plain_text(frame.status.software(), 60),
                             frame.at_unix_ms == 0 ? "nothing is known yet"
                                                   : local_time(frame.at_unix_ms / 1000),
                             screen.paused ? ", PAUSED" : ""),
                 Look::kTitle});
  if (!frame.away.empty()) out.push_back({plain_text(frame.away, 500), Look::kAlarm});
  for (const AttachedDataPlane& gate : frame.status.data_planes()) {
    out.push_back({gate_text(gate, frame.status, rates),
                   is_well(gate, frame.status) ? Look::kPlain : Look::kAlarm});
  }
  if (frame.at_unix_ms != 0 && frame.status.data_planes().empty())
    out.push_back({"no data plane has attached", Look::kAlarm});
  out.push_back({cases_text(frame.cases), Look::kPlain});
  out.push_back({});
  if (screen.help) {
    for (const std::string_view line : kHelp) out.push_back({std::string(line), Look::kPlain});
  } else {
    auto senders = in_order(frame.senders, screen.order);
    const size_t passed_over = std::min(screen.scroll, senders.empty() ? 0 : senders.size() - 1);
    senders.erase(senders.begin(), senders.begin() + static_cast<ptrdiff_t>(passed_over));
    if (screen.rows != 0 && senders.size() > screen.rows) senders.resize(screen.rows);
    out.push_back({fmt::format("senders since {}, by {}", local_time(frame.senders.since_unix_s()),
                               kTopOrderNames[static_cast<size_t>(screen.order)]),
                   Look::kPlain});
    Look look = Look::kHeading;
    for (std::string& line : sender_table(senders, screen.columns))
      out.push_back({std::move(line), std::exchange(look, Look::kPlain)});
  }
  if (screen.rows != 0 && out.size() > screen.rows) out.resize(screen.rows);
  for (TopLine& line : out) cut(line, screen.columns);
  return out;
}

ordered_json top_json(const TopFrame& frame, const std::map<std::string, TopRate>& rates,
                      TopOrder order) {
  ordered_json out = channel::to_json(frame.status, frame.at_unix_ms);
  out["at"] = utc_time(frame.at_unix_ms / 1000);
  out["away"] = frame.away.empty() ? ordered_json() : ordered_json(frame.away);
  for (ordered_json& gate : out["data_planes"]) {
    const auto rate = rates.find(gate["gate"].get<std::string>());
    const bool known = rate != rates.end();
    gate["messages_per_second"] = known ? ordered_json(rate->second.messages) : ordered_json();
    gate["refused_per_second"] = known ? ordered_json(rate->second.refused) : ordered_json();
  }
  out["cases"] = ordered_json::array();
  for (const CaseSummary& one : frame.cases.cases()) out["cases"].push_back(channel::to_json(one));
  out["senders_since"] = utc_time(frame.senders.since_unix_s());
  out["senders"] = ordered_json::array();
  for (const Sender* sender : in_order(frame.senders, order))
    out["senders"].push_back(channel::to_json(*sender));
  return out;
}

}  // namespace postern::cli
