#include <fmt/format.h>

#include <memory>

#include "base/case_reference.h"
#include "control/channel/probe.grpc.pb.h"
#include "control/channel/probe_json.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/table.h"
#include "control/cli/verdict_text.h"

namespace postern::cli {
namespace {

using namespace channel::v1;

struct ProbeOptions : ControlOptions {
  std::string address;
  bool relay = false, exposure = false;
  CaseReference reference = {};
};

// Longer than all that a probe may take as configured at most.
constexpr std::chrono::minutes kPatience{17};
constexpr size_t kLongText = 500;

void show_relay(const ProbedRelay& relay) {
  fmt::print("\nrelay: {}\n{}\n", relay.state(), printable(relay.text(), kLongText));
  if (relay.tries_size() == 0) return;
  Table tries({"TRY", "FROM", "TO", "ANSWER", "REPLY"});
  for (const RelayTry& made : relay.tries()) {
    tries.add({made.name(), fmt::format("<{}>", printable(made.from())),
               fmt::format("<{}>", printable(made.to())), made.state(),
               fmt::format("{} {}", made.code(), printable(made.reply(), 80))});
  }
  fmt::print("{}", tries.to_string(2));
}

void show_ports(const ProbeReply& reply) {
  Table ports({"PORT", "STATE", "STARTTLS", "BANNER", "KEYWORDS"});
  for (const ProbedPort& port : reply.ports()) {
    std::string keywords;
    for (const std::string& keyword : port.keywords())
      keywords += fmt::format("{}{}", keywords.empty() ? "" : ", ", printable(keyword, 80));
    ports.add({fmt::format("{}", port.port()), port.state(), port.starttls() ? "yes" : "-",
               port.banner().empty() ? "-" : printable(port.banner(), 60),
               !keywords.empty() ? keywords : printable(port.text(), kLongText)});
  }
  fmt::print("\n{}", ports.to_string());
}

int probe(const ProbeOptions& options) {
  ProbeRequest request;
  request.set_address(options.address);
  request.set_relay(options.relay);
  request.set_exposure(options.exposure);
  request.set_case_reference(options.reference.number);
  request.set_author(user_name());
  ProbeReply reply;
  if (const int code =
          ControlConnection(options.socket).ask(&Prober::Stub::Probe, request, &reply, kPatience);
      code != kOk)
    return code;
  const bool is_open = reply.has_relay() && reply.relay().state() == "open";
  if (options.json) {
    print(channel::to_json(reply));
    return is_open ? kNegative : kOk;
  }
  fmt::print("{}, {}\n", reply.address(), printable(reply.customer(), kLongText));
  if (reply.has_relay()) show_relay(reply.relay());
  if (reply.ports_size() > 0) show_ports(reply);
  return is_open ? kNegative : kOk;
}

}  // namespace

void add_probe_command(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<ProbeOptions>();
  CLI::App* command = app.add_subcommand(
      "probe", "Look at a customer's mail server: which ports answer, and whether it relays");
  options->add_to(*command);
  command->add_option("address", options->address, "Address: 192.0.2.7 or 2001:db8::7")
      ->type_name("ADDRESS")
      ->required()
      ->check(kAddress);
  command->add_flag("--relay", options->relay, "Only whether it is an open relay");
  command->add_flag("--exposure", options->exposure, "Only which of 25, 465 and 587 answer");
  command
      ->add_option_function<std::string>(
          "--case",
          [options = options.get()](const std::string& text) {
            const auto reference = CaseReference::parse(text);
            if (!reference || !*reference) {
              throw CLI::ValidationError(
                  "--case",
                  fmt::format("'{}' is no case reference: ten characters such as 7F3A00KX1M",
                              text));
            }
            options->reference = *reference;
          },
          "Note what is found in this case")
      ->type_name("CASE");
  command->callback([options, exit_code] { *exit_code = probe(*options); });
}

}  // namespace postern::cli
