// `postern signatures load`, `unload`, `rollback`, `shadow off`, `list` and `compare`.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "base/time_text.h"
#include "control/channel/json.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/shadow_text.h"
#include "control/cli/table.h"

namespace postern::cli {
namespace {

using namespace channel::v1;
using nlohmann::ordered_json;

constexpr size_t kPieceBytes = size_t{1} << 20;
constexpr std::chrono::minutes kUploadPatience{10};
// Beyond the wait that control was asked for.
constexpr std::chrono::seconds kGrace{15};

struct LoadOptions : ControlOptions {
  std::string set;
  std::vector<std::string> gates;
  bool shadow = false;
  std::string wait = "60s";
  std::string action;
};

struct CompareOptions : ControlOptions {
  std::string since;
  std::string client;
  uint32_t examples = 10;
};

ExitCode upload(ControlConnection& control, const std::string& path, StoredSignatures* stored) {
  std::error_code code;
  if (std::filesystem::is_directory(path, code)) {
    return complain(fmt::format("{}: is a folder; expected a compiled set: postern signatures "
                                "compile {} -o SET.psig",
                                path, path),
                    kUsage),
           kUsage;
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) return complain(fmt::format("{}: cannot be opened", path), kUsage), kUsage;
  return control.converse(
      [&](Operator::Stub& stub, grpc::ClientContext& context) {
        const auto pieces = stub.PutSignatures(&context, stored);
        SignaturePiece piece;
        piece.set_name(std::filesystem::path(path).filename().string());
        piece.set_author(user_name());
        std::string data(kPieceBytes, '\0');
        while (in.read(data.data(), static_cast<std::streamsize>(data.size())), in.gcount() > 0) {
          piece.set_data(data.data(), static_cast<size_t>(in.gcount()));
          if (!pieces->Write(piece)) break;  // Finish() tells why
          piece.clear_name();
        }
        pieces->WritesDone();
        return pieces->Finish();
      },
      kUploadPatience);
}

std::string set_text(const LoadSignaturesReply& reply, SignatureAction action) {
  if (!reply.has_set())
    return action == SIGNATURE_ACTION_SHADOW_OFF ? "no shadow set" : "the configured sets";
  return fmt::format("{}{} ({} rules, {}, signed by {})",
                     action == SIGNATURE_ACTION_SHADOW ? "shadow " : "", reply.set().name(),
                     reply.set().rules(), reply.set().digest().substr(0, 16),
                     reply.set().signed_by().empty() ? "nobody" : reply.set().signed_by());
}

void print_answers(const LoadSignaturesReply& reply, SignatureAction action) {
  fmt::print("order {}: {}\n", reply.number(), set_text(reply, action));
  if (reply.has_set() && reply.set().signed_by().empty()) {
    fmt::print(
        "gates refuse what nobody signed unless signatures.allow_unsigned is set there; to "
        "sign it: postern signatures sign SET --key FILE\n");
  }
  if (reply.gates_size() == 0)
    fmt::print("no gate is attached; those that come get it when they attach\n");
  for (const auto& gate : reply.gates()) {
    if (gate.in_force())
      fmt::print("{}: in force ({} ms to load)\n", printable(gate.gate()), gate.load_ms());
    else if (!gate.refused().empty())
      fmt::print("{}: refused: {}\n", printable(gate.gate()), printable(gate.refused(), 1000));
    else
      fmt::print("{}: has not answered yet\n", printable(gate.gate()));
  }
  if (reply.withdrawn()) fmt::print("withdrawn: what was in force stays in force\n");
}

int run_load(const LoadOptions& options, SignatureAction action) {
  const auto wait = parse_duration(options.wait);
  if (!wait) return complain("--wait: " + wait.error(), kUsage);
  ControlConnection control(options.socket);
  LoadSignaturesRequest request;
  request.set_action(action);
  if (!options.set.empty()) {
    StoredSignatures stored;
    if (const ExitCode code = upload(control, options.set, &stored); code != kOk) return code;
    request.set_sha256(stored.sha256());
  }
  for (const std::string& gate : options.gates) request.add_gates(gate);
  request.set_author(user_name());
  request.set_wait_ms(static_cast<uint32_t>(std::max<int64_t>(1, wait->count())));
  LoadSignaturesReply reply;
  const ExitCode code =
      control.ask(&Operator::Stub::LoadSignatures, request, &reply, *wait + kGrace);
  if (code != kOk) return code;
  if (options.json)
    fmt::print("{}\n", channel::to_json(reply).dump());
  else
    print_answers(reply, action);
  const bool everywhere =
      std::ranges::all_of(reply.gates(), [](const auto& gate) { return gate.in_force(); });
  return everywhere ? kOk : kNegative;
}

const StoredSignatures* find(const ListSignaturesReply& reply, const std::string& sha256) {
  for (const auto& set : reply.sets())
    if (set.sha256() == sha256) return &set;
  return nullptr;
}

std::string name_of(const ListSignaturesReply& reply, const std::string& sha256,
                    std::string_view otherwise) {
  const StoredSignatures* set = find(reply, sha256);
  if (set == nullptr) return std::string(otherwise);
  return fmt::format("{} {}", printable(set->name()), set->digest().substr(0, 16));
}

int run_list(const ControlOptions& options) {
  ControlConnection control(options.socket);
  ListSignaturesReply reply;
  const ExitCode code =
      control.ask(&Operator::Stub::ListSignatures, ListSignaturesRequest(), &reply);
  if (code != kOk) return code;
  if (options.json) {
    fmt::print("{}\n", channel::to_json(reply).dump());
    return kOk;
  }
  Table sets({"set", "digest", "rules", "bytes", "signed by", "loaded", "by"});
  for (const auto& set : reply.sets())
    sets.add({printable(set.name()), set.digest().substr(0, 16), std::to_string(set.rules()),
              std::to_string(set.bytes()), set.signed_by().empty() ? "nobody" : set.signed_by(),
              local_time(set.stored_unix_s()), printable(set.author())});
  fmt::print("{}\n", sets.empty() ? "control holds no signature sets\n" : sets.to_string());
  Table gates({"gate", "set", "shadow"});
  for (const auto& row : reply.assignments())
    gates.add({row.gate().empty() ? "all others" : printable(row.gate()),
               name_of(reply, row.set(), "the configured"), name_of(reply, row.shadow(), "none")});
  fmt::print("{}", gates.to_string());
  for (const auto& gate : reply.data_planes())
    if (!gate.signatures_refused().empty())
      fmt::print("{} refused: {}\n", printable(gate.gate()),
                 printable(gate.signatures_refused(), 1000));
  return kOk;
}

int run_compare(const CompareOptions& options) {
  CompareShadowRequest request;
  if (!options.since.empty()) {
    const auto since = parse_duration(options.since);
    if (!since) return complain("--since: " + since.error(), kUsage);
    const auto begin = std::chrono::system_clock::now() - *since;
    request.set_since_unix_s(
        static_cast<uint64_t>(std::max<int64_t>(0, std::chrono::system_clock::to_time_t(begin))));
  }
  request.set_client(options.client);
  request.set_examples(options.examples);
  ControlConnection control(options.socket);
  CompareShadowReply reply;
  const ExitCode code = control.ask(&Operator::Stub::CompareShadow, request, &reply);
  if (code != kOk) return code;
  if (options.json)
    fmt::print("{}\n",
               shadow_json(reply).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  else
    fmt::print("{}", shadow_text(reply));
  return reply.events() == 0 ? kNegative : kOk;
}

void add_wait(CLI::App& command, LoadOptions& options) {
  command.add_option("--wait", options.wait, "How long to wait for the gates' answers (60s)");
  options.add_to(command);
}

void add_gates(CLI::App& command, LoadOptions& options) {
  command.add_option("--gate", options.gates, "Only this gate (may be repeated); else all")
      ->type_name("NAME")
      ->allow_extra_args(false);
}

}  // namespace

void add_signature_loading_commands(CLI::App& signatures, int* exit_code) {
  const auto load_options = std::make_shared<LoadOptions>();
  CLI::App* load = signatures.add_subcommand(
      "load", "Bring a compiled set to the gates, under traffic, and wait for their answers");
  load->add_option("SET", load_options->set, "A compiled set (SET.psig)")->required();
  add_gates(*load, *load_options);
  load->add_flag("--shadow", load_options->shadow,
                 "Beside the set in force: it scores every message and decides nothing");
  add_wait(*load, *load_options);
  load->footer("Exit status: 0 in force at every gate; 1 refused, or not answered, by some.");
  load->callback([=] {
    *exit_code = run_load(*load_options,
                          load_options->shadow ? SIGNATURE_ACTION_SHADOW : SIGNATURE_ACTION_LOAD);
  });

  const auto unload_options = std::make_shared<LoadOptions>();
  CLI::App* unload = signatures.add_subcommand(
      "unload", "Back to the set of each gate's own configuration (signatures.set)");
  add_gates(*unload, *unload_options);
  add_wait(*unload, *unload_options);
  unload->callback([=] { *exit_code = run_load(*unload_options, SIGNATURE_ACTION_UNLOAD); });

  const auto rollback_options = std::make_shared<LoadOptions>();
  CLI::App* rollback =
      signatures.add_subcommand("rollback", "Back to the set that all gates had before");
  add_wait(*rollback, *rollback_options);
  rollback->callback([=] { *exit_code = run_load(*rollback_options, SIGNATURE_ACTION_ROLLBACK); });

  const auto off_options = std::make_shared<LoadOptions>();
  CLI::App* shadow = signatures.add_subcommand("shadow", "End the shadow set: shadow off");
  shadow->add_option("ACTION", off_options->action, "off")
      ->required()
      ->check(CLI::IsMember({"off"}));
  add_gates(*shadow, *off_options);
  add_wait(*shadow, *off_options);
  shadow->callback([=] { *exit_code = run_load(*off_options, SIGNATURE_ACTION_SHADOW_OFF); });

  const auto list_options = std::make_shared<ControlOptions>();
  CLI::App* list =
      signatures.add_subcommand("list", "Which sets control holds, and who is to scan with which");
  list_options->add_to(*list);
  list->callback([=] { *exit_code = run_list(*list_options); });

  const auto compare_options = std::make_shared<CompareOptions>();
  CLI::App* compare =
      signatures.add_subcommand("compare", "What the shadow set would have done, from the events");
  compare->add_option("--since", compare_options->since, "Not older than this (\"1h\", \"7d\")");
  compare->add_option("--client", compare_options->client, "Only of this sender")->check(kPrefix);
  compare->add_option("--examples", compare_options->examples,
                      "How many messages that would change (10)");
  compare_options->add_to(*compare);
  compare->callback([=] { *exit_code = run_compare(*compare_options); });
}

}  // namespace postern::cli
