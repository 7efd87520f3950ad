// A case and one of its messages, everything that others write arbitrary: the letter has exactly
// the header fields and the parts it should have, in lines that every server takes.
//
// The input is pieces, each with its length in two octets before it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "control/notify/notice_writer.h"

namespace {

using namespace postern;

struct Pieces {
  std::string_view rest;
  std::string next() {
    if (rest.size() < 2) return {};
    const size_t asked = static_cast<uint8_t>(rest[0]) | (static_cast<uint8_t>(rest[1]) & 0x0f)
                                                             << 8;
    const size_t length = std::min(asked, rest.size() - 2);
    const std::string piece(rest.substr(2, length));
    rest.remove_prefix(2 + length);
    return piece;
  }
};

void must(bool holds) {
  if (!holds) std::abort();
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const size_t end = text.find("\r\n");
    must(end != text.npos && end <= 998);
    const std::string_view line = text.substr(0, end);
    must(std::ranges::all_of(line, [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; }));
    out.push_back(line);
    text.remove_prefix(end + 2);
  }
  return out;
}

// The names of the fields before the first empty line.
std::vector<std::string> names_of(const std::vector<std::string_view>& lines) {
  std::vector<std::string> out;
  for (const std::string_view line : lines) {
    if (line.empty()) return out;
    if (line.front() == ' ') {
      must(!out.empty() && line.find_first_not_of(" \t") != line.npos);
      continue;
    }
    must(line.find(':') != line.npos);
    out.emplace_back(line.substr(0, line.find(':')));
  }
  must(false);
  return out;
}

// How many parts begin at this boundary; it is closed once, at the end of them.
size_t parts_of(const std::vector<std::string_view>& lines, const std::string& boundary) {
  size_t begun = 0, ended = 0;
  for (const std::string_view line : lines) {
    if (!line.starts_with("--" + boundary)) continue;
    must(ended == 0);
    if (line == "--" + boundary) {
      ++begun;
    } else {
      must(line == "--" + boundary + "--");
      ++ended;
    }
  }
  must(ended == 1);
  return begun;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const notify::Settings kSettings = [] {
    notify::Settings out{.contact = "abuse@operator.example"};
    out.redact_recipients = false;
    return out;
  }();
  static const notify::Settings kRedacting{.contact = "abuse@operator.example"};
  if (size == 0) return 0;
  const bool redacts = (data[0] & 1) != 0;
  Pieces pieces{{reinterpret_cast<const char*>(data) + 1, size - 1}};
  channel::v1::Event event;
  event.set_header_sample(pieces.next());
  event.set_mail_from(pieces.next());
  event.add_recipients(pieces.next());
  event.set_recipients_count(1);
  event.set_subject(pieces.next());
  event.set_auth_user(pieces.next());
  event.set_client(pieces.next());
  event.set_client_port(25);
  event.add_rules(pieces.next());
  event.add_link_domains(pieces.next());
  event.mutable_origin()->set_script(pieces.next());
  event.set_wall_us(1'700'000'000'000'000);

  notify::CaseFacts facts;
  facts.about.reference = {0x1234};
  facts.about.opened_unix_s = 1'700'000'000;
  facts.about.subject.part = "user:" + pieces.next();
  facts.about.cause = pieces.next();
  facts.customer = ledger::Customer{.id = 1, .name = pieces.next(), .language = pieces.next()};
  if (facts.customer->language.empty()) facts.customer->language = "en";
  facts.customer->contacts = {{pieces.next(), "anna@customer.example"}};
  facts.customer->channels.xarf = true;
  facts.customer->channels.webhook_url = pieces.next();
  facts.history = {{1'700'000'000, pieces.next(), "opened", pieces.next()}};
  notify::read_diagnosis(pieces.next(), facts);
  facts.counts.rules = {{event.rules(0), 1}};
  facts.sample = event;

  const notify::NoticeWriter writer(redacts ? kRedacting : kSettings,
                                    [](CaseReference) { return "https://gate.example/"; });
  const std::vector<std::string> what{"opened"};
  const auto messages = writer.write(facts, ledger::Audience::kCustomer, what, 0, 1'700'000'060);
  must(messages.size() == (facts.customer->channels.webhook_url.empty() ? 1 : 2));
  if (messages.size() == 2) must(nlohmann::json::accept(messages[1].message));

  const auto lines = lines_of(messages[0].message);
  static const std::vector<std::string> kFields{"From",
                                                "To",
                                                "Reply-To",
                                                "Subject",
                                                "Date",
                                                "Message-ID",
                                                "In-Reply-To",
                                                "References",
                                                "Auto-Submitted",
                                                "Precedence",
                                                "X-Auto-Response-Suppress",
                                                "Content-Language",
                                                "X-Postern-Case",
                                                "MIME-Version",
                                                "Content-Type"};
  auto names = names_of(lines);
  const bool has_report = !event.header_sample().empty();
  const bool has_xarf = !event.mail_from().empty();
  if (!has_report && !has_xarf) {
    must(names.back() == "Content-Transfer-Encoding");
    names.pop_back();
  }
  must(names == kFields);
  std::vector<std::string> boundaries;
  for (const std::string_view line : lines) {
    constexpr std::string_view kBoundary = " boundary=\"=_postern_";
    // A text's own lines are quoted in such a way that they cannot be told from ours here: the
    // first two are ours, because the structure stands before every text.
    if (line.starts_with(kBoundary) && boundaries.size() < size_t{has_report} + size_t{has_xarf})
      boundaries.emplace_back(line.substr(11, line.rfind('"') - 11));
  }
  must(boundaries.size() == size_t{has_report} + size_t{has_xarf});
  if (has_xarf) must(parts_of(lines, boundaries[0]) == 2);
  if (has_report) must(parts_of(lines, boundaries.back()) == 3);
  return 0;
}
