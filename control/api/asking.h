// How an answer asks the desks: deadlines, and what their refusals are over HTTP.
#pragma once

#include <grpcpp/client_context.h>

#include <chrono>

#include "control/api/routes.h"

namespace postern::api {

inline Answer problem(const grpc::Status& status) {
  const auto code = [&] {
    switch (status.error_code()) {
      case grpc::StatusCode::INVALID_ARGUMENT:
        return 400;
      case grpc::StatusCode::NOT_FOUND:
        return 404;
      case grpc::StatusCode::FAILED_PRECONDITION:
      case grpc::StatusCode::ALREADY_EXISTS:
      case grpc::StatusCode::RESOURCE_EXHAUSTED:
        return 409;
      case grpc::StatusCode::UNIMPLEMENTED:
        return 501;
      case grpc::StatusCode::UNAVAILABLE:
      case grpc::StatusCode::DEADLINE_EXCEEDED:
        return 503;
      default:
        return 500;
    }
  }();
  return problem(code, status.error_message());
}

template <typename Reply>
using Asked = std::expected<Reply, Answer>;

template <typename Stub, typename Request, typename Reply>
Asked<Reply> ask(Stub& stub,
                 grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Reply*),
                 const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  Reply reply;
  if (const grpc::Status status = (stub.*method)(&context, request, &reply); !status.ok())
    return std::unexpected(problem(status));
  return reply;
}

// Rows from `offset` on, and where the next page begins: null behind the last.
template <typename Rows>
nlohmann::ordered_json page_of(std::string_view name, const Rows& rows, const Page& page,
                               auto&& row_json) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  const auto total = static_cast<uint32_t>(rows.size());
  for (uint32_t i = page.offset; i < total && i < page.offset + page.limit; ++i)
    list.push_back(row_json(rows[static_cast<int>(i)]));
  const bool more = total > page.offset + page.limit;
  return {
      {name, std::move(list)},
      {"next", more ? nlohmann::ordered_json(page.offset + page.limit) : nlohmann::ordered_json()}};
}

}  // namespace postern::api
