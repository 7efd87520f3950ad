#include "control/server/token_desk.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/server/answers.h"
#include "control/server/clock.h"

namespace postern::server {
namespace {

using grpc::StatusCode;

constexpr size_t kLongestTokenName = 64;
constexpr size_t kMostTokens = 1'000;
constexpr uint64_t kLongest_s = uint64_t{3660} * 86'400;

channel::v1::ApiToken to_wire(const ledger::ApiToken& token) {
  channel::v1::ApiToken out;
  out.set_name(token.name);
  out.set_role(std::string(ledger::kRoleNames[static_cast<size_t>(token.role)]));
  out.set_created_unix_s(token.created_unix_s);
  out.set_expires_unix_s(token.expires_unix_s);
  out.set_used_unix_s(token.used_unix_s);
  out.set_revoked_unix_s(token.revoked_unix_s);
  return out;
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

}  // namespace

grpc::Status TokenDesk::AddToken(grpc::ServerContext*, const channel::v1::AddTokenRequest* request,
                                 channel::v1::AddTokenReply* reply) {
  if (std::string objection = objection_to("author", request->author()); !objection.empty())
    return invalid(objection);
  const std::string& name = request->name();
  if (name.empty() || name.size() > kLongestTokenName ||
      !std::ranges::all_of(name, is_name_character)) {
    return invalid(
        "a token's name has 1 to 64 letters, digits, \"-\", \"_\" or \".\": whoever reads the "
        "history finds it there");
  }
  const auto* const role = std::ranges::find(ledger::kRoleNames, request->role());
  if (role == std::end(ledger::kRoleNames))
    return invalid("the role is viewer, technician or admin");
  if (request->for_seconds() > kLongest_s) return invalid("a token is good for ten years at most");
  const auto there = ledger_.tokens().all();
  if (!there) return broken(there.error());
  if (there->size() >= kMostTokens)
    return {StatusCode::RESOURCE_EXHAUSTED, fmt::format("there are {} tokens", kMostTokens)};
  const uint64_t now = unix_s();
  const std::string text = ledger::new_token();
  const ledger::ApiToken token{
      .name = name,
      .role = static_cast<ledger::Role>(role - std::begin(ledger::kRoleNames)),
      .hash = ledger::hash_of(text),
      .created_unix_s = now,
      .expires_unix_s = request->for_seconds() == 0 ? 0 : now + request->for_seconds()};
  const auto added = ledger_.tokens().add(token, request->author());
  if (!added) return broken(added.error());
  if (!*added) {
    return {StatusCode::FAILED_PRECONDITION,
            fmt::format("there is, or was, a token {}: the history names it; choose another name",
                        name)};
  }
  reply->set_text(text);
  *reply->mutable_token() = to_wire(token);
  return grpc::Status::OK;
}

grpc::Status TokenDesk::ListTokens(grpc::ServerContext*, const channel::v1::ListTokensRequest*,
                                   channel::v1::ListTokensReply* reply) {
  const auto tokens = ledger_.tokens().all();
  if (!tokens) return broken(tokens.error());
  for (const ledger::ApiToken& token : *tokens) *reply->add_tokens() = to_wire(token);
  return grpc::Status::OK;
}

grpc::Status TokenDesk::RevokeToken(grpc::ServerContext*,
                                    const channel::v1::RevokeTokenRequest* request,
                                    channel::v1::RevokeTokenReply*) {
  if (std::string objection = objection_to("author", request->author()); !objection.empty())
    return invalid(objection);
  const auto revoked = ledger_.tokens().revoke(request->name(), request->author(), unix_s());
  if (!revoked) return broken(revoked.error());
  if (!*revoked)
    return {StatusCode::NOT_FOUND, fmt::format("there is no token {} in use", request->name())};
  return grpc::Status::OK;
}

}  // namespace postern::server
