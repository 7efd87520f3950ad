#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/case_reference.h"
#include "control/channel/json.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/table.h"

namespace postern::cli {
namespace {

using channel::v1::Event;
using nlohmann::ordered_json;

constexpr size_t kLongestLine = 1000;  // of a header, as it is shown

struct EventsOptions : ControlOptions {
  std::string client;
  std::string case_reference;
  std::string outcome;
  uint32_t limit = 50;
};

// What the connection showed, on one line.
std::string session_text(const channel::v1::SessionFacts& s) {
  std::string out = fmt::format("dialect {}", s.dialect().empty() ? "-" : printable(s.dialect()));
  if (s.pipelined()) out += ", pipelined";
  if (s.chunked()) out += ", chunked";
  if (!s.auth_result().empty()) {
    out += fmt::format(", AUTH {} {}", printable(s.auth_mechanism()), printable(s.auth_result()));
  }
  if (s.failed_logins() > 0) out += fmt::format(", {} failed logins", s.failed_logins());
  if (s.recipients_rejected() > 0) {
    out += fmt::format(", {} of {} recipients rejected", s.recipients_rejected(),
                       s.recipients_count());
  }
  if (s.tls_started()) {
    out += ", TLS";
  } else if (s.tls_offered()) {
    out += ", TLS offered";
  }
  return out + fmt::format(", {} octets in and {} out, {:.1f} s", s.client_bytes(),
                           s.server_bytes(), static_cast<double>(s.duration_ms()) / 1000);
}

// Where the message came from; empty: not known.
std::string origin_text(const channel::v1::Origin& o) {
  if (o.confidence().empty()) return {};
  std::string out = o.ip().empty() ? "unknown address" : printable(o.ip());
  if (o.auth() == "yes") {
    out += o.user().empty() ? ", logged in" : fmt::format(", logged in as {}", printable(o.user()));
  } else if (o.auth() == "no") {
    out += ", not logged in";
  }
  if (!o.script().empty()) out += fmt::format(", script {}", printable(o.script()));
  return out + fmt::format(" ({} confidence: {})", printable(o.confidence()), printable(o.why()));
}

// The header of the newest message of which there is a sample, its lines indented.
void show_header(const channel::v1::ListEventsReply& reply) {
  const auto event = std::ranges::find_if(
      reply.events(), [](const Event& e) { return !e.header_sample().empty(); });
  if (event == reply.events().end()) return;
  fmt::print("{}: header:\n", local_time(event->wall_us() / 1'000'000));
  std::string_view rest = event->header_sample();
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    fmt::print("  {}\n", printable(line, kLongestLine));
  }
  if (event->header_sample_cut()) fmt::print("  (there is more of it)\n");
}

void show_details(const Event& event) {
  const std::string when = local_time(event.wall_us() / 1'000'000);
  if (!event.content_hash().empty()) {
    fmt::print("{}: {} octets, content hash {}\n", when, event.message_bytes(),
               printable(event.content_hash()));
  }
  if (!event.held_by().empty()) {
    fmt::print("{}: held by {}\n", when, printable(event.held_by()));
  }
  if (event.has_session()) fmt::print("{}: session: {}\n", when, session_text(event.session()));
  if (const std::string origin = origin_text(event.origin()); !origin.empty()) {
    fmt::print("{}: origin: {}\n", when, origin);
  }
  if (event.link_domains_size() > 0) {
    std::string domains;
    for (const std::string& domain : event.link_domains()) domains += " " + printable(domain);
    fmt::print("{}: links to:{}\n", when, domains);
  }
}

std::string recipients_text(const Event& event) {
  if (event.recipients_size() == 0) return "";
  const std::string first = printable(event.recipients(0), 40);
  return event.recipients_count() > 1 ? fmt::format("{} +{}", first, event.recipients_count() - 1)
                                      : first;
}

int show_events(const EventsOptions& options) {
  channel::v1::ListEventsRequest request;
  request.set_client(options.client);
  request.set_outcome(options.outcome);
  request.set_limit(options.limit);
  if (!options.case_reference.empty()) {
    const auto reference = CaseReference::parse(options.case_reference);
    if (!reference || !*reference) {
      return complain(
          fmt::format("--case: '{}' is no case reference: ten characters such as 7F3A00KX1M",
                      options.case_reference),
          kUsage);
    }
    request.set_case_reference(reference->number);
  }
  channel::v1::ListEventsReply reply;
  const int code = ControlConnection(options.socket)
                       .ask(&channel::v1::Operator::Stub::ListEvents, request, &reply);
  if (code != kOk) return code;
  if (options.json) {
    ordered_json events = ordered_json::array();
    for (const Event& event : reply.events()) events.push_back(channel::to_json(event));
    const ordered_json out{{"events", events}};
    fmt::print("{}\n", out.dump(2, ' ', false, ordered_json::error_handler_t::replace));
    return reply.events_size() > 0 ? kOk : kNegative;
  }
  if (reply.events_size() == 0) return complain("there are no such events", kNegative);
  Table table({"TIME", "CLIENT", "OUTCOME", "SCORE", "CASE", "FROM", "TO", "SUBJECT"});
  for (const Event& event : reply.events()) {
    table.add({local_time(event.wall_us() / 1'000'000), printable(event.client()),
               printable(event.kind() == "session" ? event.kind() : event.outcome()),
               fmt::format("{:.1f}", event.score()),
               event.case_reference() == 0 ? "" : CaseReference{event.case_reference()}.to_string(),
               event.null_sender() ? "<>" : printable(event.mail_from(), 40),
               recipients_text(event), printable(event.subject(), 40)});
  }
  fmt::print("{}", table.to_string());
  if (options.case_reference.empty()) return kOk;
  // Of one case: which message it was, for whoever has it, and how it came.
  for (const Event& event : reply.events()) show_details(event);
  show_header(reply);
  return kOk;
}

}  // namespace

void add_events_command(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<EventsOptions>();
  CLI::App* command =
      app.add_subcommand("events", "What became of messages and connections, newest first");
  options->add_to(*command);
  command->add_option("--client", options->client, "Only of this sender")
      ->type_name("ADDRESS|PREFIX")
      ->check(kPrefix);
  command->add_option("--case", options->case_reference, "Only of this case")->type_name("CASE");
  command
      ->add_option("--outcome", options->outcome,
                   "Only these: forwarded, refused_content, refused_verdict, …")
      ->type_name("OUTCOME");
  command->add_option("--limit", options->limit, "At most so many")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->callback([options, exit_code] { *exit_code = show_events(*options); });
}

}  // namespace postern::cli
