// What the operator's desk says when it cannot do as it was asked, and other things that its parts
// share.
#pragma once

#include <fmt/format.h>
#include <grpcpp/support/status.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

#include "base/case_reference.h"

namespace postern::server {

// For data planes to confirm a change: long enough for every healthy one, short enough for a
// person.
inline constexpr std::chrono::milliseconds kPatience{1000};
// That a switch may be asked for: a century.
inline constexpr uint64_t kLongestTime_s = uint64_t{36'525} * 86'400;

inline grpc::Status invalid(std::string message) {
  return {grpc::StatusCode::INVALID_ARGUMENT, std::move(message)};
}
// Also logged: it is this process's trouble.
inline grpc::Status broken(const std::string& message) {
  spdlog::error("{}", message);
  return {grpc::StatusCode::INTERNAL, message};
}

inline CaseReference new_case_reference() {
  CaseReference reference;
  while (!reference) {
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random) continue;
    reference.number = random & CaseReference::kMask;
  }
  return reference;
}

inline bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Reasons, authors and names end up on terminals and in mail headers. Empty: the text will do.
inline std::string objection_to(std::string_view what, std::string_view text) {
  constexpr size_t kLongest = 500;
  if (text.empty())
    return fmt::format("a {} is needed: everyone who meets this later will ask for it", what);
  if (text.size() > kLongest) return fmt::format("the {} is longer than {} bytes", what, kLongest);
  if (std::ranges::any_of(text, is_control)) {
    return fmt::format("the {} contains control characters: write it on one line of plain text",
                       what);
  }
  return "";
}

}  // namespace postern::server
