#include "control/cli/signatures/key_commands.h"
#include "control/cli/signatures/exit_status.h"

#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/replace_file.h"
#include "patterns/artefact/artefact.h"

namespace postern::cli {
namespace {

using artefact::PrivateKey;
using artefact::PublicKey;
using nlohmann::json;

constexpr int kGood = 0;
constexpr int kNotTrusted = 1;

struct KeyArguments {
  std::string output;
  std::string comment;
  std::string set;
  std::string key;
  std::vector<std::string> trusted;
  bool as_json = false;
};

std::string host_name() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return name;
}

int run_keygen(const KeyArguments& arguments) {
  const std::string private_path = arguments.output + ".key";
  const std::string public_path = arguments.output + ".pub";
  const auto key = PrivateKey::generate();
  if (!key) return fail(key.error());
  if (auto written = key->write(private_path); !written) return fail(written.error());
  const PublicKey open = key->public_key();
  const std::string line = fmt::format("{} {}\n", open.base64(),
                                       arguments.comment.empty() ? host_name() : arguments.comment);
  if (auto written =
          replace_file(public_path, {reinterpret_cast<const uint8_t*>(line.data()), line.size()});
      !written) {
    return fail(written.error());
  }
  fmt::print(
      "private key {} (keep it where sets are made, and nowhere else)\npublic key  {}\nkey id      "
      "{}\ndata planes trust it with:\n  [signatures]\n  trusted_keys = [\"{}\"]\n",
      private_path, public_path, open.id(), open.base64());
  return kGood;
}

int run_sign(const KeyArguments& arguments) {
  const auto key = PrivateKey::read(arguments.key);
  if (!key) return fail(key.error());
  if (auto done = artefact::sign(arguments.set, *key); !done) return fail(done.error());
  fmt::print("{}: signed by key {}\n", arguments.set, key->public_key().id());
  return kGood;
}

int answer(const KeyArguments& arguments, const artefact::ArtefactFile& file,
           const std::expected<void, std::string>& trusted) {
  const auto& signature = file.artefact.signature;
  if (arguments.as_json) {
    json out{{"set", arguments.set},
             {"digest", file.digest},
             {"signed_by", signature ? json(signature->signer.id()) : json()},
             {"trusted", trusted.has_value()}};
    if (!trusted) out["why"] = trusted.error();
    fmt::print("{}\n", out.dump());
  } else if (trusted) {
    fmt::print("{}: good, signed by key {} ({})\n", arguments.set, signature->signer.id(),
               signature->signer.base64());
  } else {
    fmt::print("{}: not trusted: {}\n", arguments.set, trusted.error());
  }
  return trusted ? kGood : kNotTrusted;
}

int run_verify(const KeyArguments& arguments) {
  artefact::TrustPolicy policy;
  for (const std::string& text : arguments.trusted) {
    const auto key = PublicKey::find(text);
    if (!key) return fail(key.error());
    policy.keys.push_back(*key);
  }
  const auto file = artefact::read(arguments.set);
  if (!file) return fail(file.error());
  return answer(arguments, *file, policy.check(file->artefact));
}

}  // namespace

void add_key_commands(CLI::App& signatures, int* exit_code) {
  const auto arguments = std::make_shared<KeyArguments>();
  CLI::App* keygen =
      signatures.add_subcommand("keygen", "Make a key pair for signing sets: NAME.key, NAME.pub");
  keygen->add_option("-o,--output", arguments->output, "Where, and how the files are called")
      ->type_name("NAME")
      ->required();
  keygen->add_option("--comment", arguments->comment,
                     "Stands behind the public key (the host's name)");
  keygen->callback([=] { *exit_code = run_keygen(*arguments); });

  CLI::App* sign = signatures.add_subcommand("sign", "Sign a compiled set");
  sign->add_option("SET", arguments->set, "A compiled set (SET.psig), replaced whole")->required();
  sign->add_option("--key", arguments->key, "The private key")->type_name("FILE")->required();
  sign->callback([=] { *exit_code = run_sign(*arguments); });

  CLI::App* verify = signatures.add_subcommand("verify", "Tell who signed a set");
  verify->add_option("SET", arguments->set, "A compiled set (SET.psig)")->required();
  verify
      ->add_option("--trusted", arguments->trusted,
                   "Public keys, or files with one, of which one must have signed")
      ->type_name("KEY…")
      ->required();
  verify->add_flag("--json", arguments->as_json, "Print a JSON object");
  verify->footer("Exit status: 0 good; 1 not signed, or by a key that is not trusted; 2 damaged.");
  verify->callback([=] { *exit_code = run_verify(*arguments); });
}

}  // namespace postern::cli
