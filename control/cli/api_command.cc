#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/duration.h"
#include "base/time_text.h"
#include "control/channel/json.h"
#include "control/channel/tokens.grpc.pb.h"
#include "control/cli/commands.h"
#include "control/cli/control_connection.h"
#include "control/cli/table.h"
#include "control/cli/verdict_text.h"

namespace postern::cli {
namespace {

using namespace channel::v1;
using Tokens = TokenDesk::Stub;
using nlohmann::ordered_json;

struct TokenOptions : ControlOptions {
  std::string name, role = "viewer", good_for;
};

int add_token(const TokenOptions& options) {
  AddTokenRequest request;
  request.set_name(options.name);
  request.set_role(options.role);
  request.set_author(user_name());
  if (!options.good_for.empty()) {
    const auto time = parse_duration(options.good_for);
    if (!time) return complain("--for: " + time.error(), kUsage);
    request.set_for_seconds(
        static_cast<uint64_t>(std::chrono::ceil<std::chrono::seconds>(*time).count()));
  }
  AddTokenReply reply;
  if (const int code = ControlConnection(options.socket).ask(&Tokens::AddToken, request, &reply);
      code != kOk)
    return code;
  if (options.json) {
    ordered_json out = channel::to_json(reply.token());
    out["text"] = reply.text();
    print(out);
    return kOk;
  }
  // The token alone on standard output: it can go straight into a file.
  fmt::print("{}\n", reply.text());
  fmt::print(stderr, "{} may come in as {}. Keep the token: it is not shown again.\n",
             reply.token().name(), reply.token().role());
  return kOk;
}

int list_tokens(const TokenOptions& options) {
  ListTokensReply reply;
  if (const int code =
          ControlConnection(options.socket).ask(&Tokens::ListTokens, ListTokensRequest(), &reply);
      code != kOk)
    return code;
  if (options.json) {
    ordered_json rows = ordered_json::array();
    for (const ApiToken& token : reply.tokens()) rows.push_back(channel::to_json(token));
    print({{"tokens", rows}});
    return reply.tokens_size() > 0 ? kOk : kNegative;
  }
  if (reply.tokens_size() == 0)
    return complain("there are no tokens: `postern api token add NAME --role viewer`", kNegative);
  Table table({"NAME", "ROLE", "MADE", "GOOD UNTIL", "LAST USED"});
  for (const ApiToken& token : reply.tokens()) {
    table.add({token.name(), token.role(), local_time(token.created_unix_s()),
               token.revoked_unix_s() != 0
                   ? fmt::format("revoked {}", local_time(token.revoked_unix_s()))
                   : local_time(token.expires_unix_s()),
               local_time(token.used_unix_s())});
  }
  fmt::print("{}", table.to_string());
  return kOk;
}

int revoke_token(const TokenOptions& options) {
  RevokeTokenRequest request;
  request.set_name(options.name);
  request.set_author(user_name());
  RevokeTokenReply reply;
  if (const int code = ControlConnection(options.socket).ask(&Tokens::RevokeToken, request, &reply);
      code != kOk)
    return code;
  if (!options.json) fmt::print("{} is revoked\n", printable(options.name, 64));
  return kOk;
}

}  // namespace

void add_api_command(CLI::App& app, int* exit_code) {
  CLI::App* api = app.add_subcommand("api", "The REST interface and the console");
  api->require_subcommand(1);
  CLI::App* token = api->add_subcommand("token", "Who may come in");
  token->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*run)(const TokenOptions&)) {
    auto options = std::make_shared<TokenOptions>();
    CLI::App* command = token->add_subcommand(name, help);
    options->add_to(*command);
    command->callback([=] { *exit_code = run(*options); });
    return std::pair(command, options);
  };
  const auto [make, make_options] =
      add("add", "Make a token and print it, once; its name is the author of what it changes",
          add_token);
  make->add_option("name", make_options->name, "Of a person or a program")
      ->type_name("NAME")
      ->required();
  make->add_option("--role", make_options->role,
                   "viewer sees; technician also changes verdicts, cases and customers; admin also "
                   "decides on signature sets and tokens")
      ->check(CLI::IsMember({"viewer", "technician", "admin"}))
      ->capture_default_str();
  make->add_option("--for", make_options->good_for, "How long it is good; without: for good")
      ->type_name("DURATION")
      ->check(kDuration);
  add("list", "All tokens, by name", list_tokens);
  const auto [revoke, revoke_options] =
      add("revoke", "A token is good no more, from now on", revoke_token);
  revoke->add_option("name", revoke_options->name, "Which token")->type_name("NAME")->required();
}

}  // namespace postern::cli
