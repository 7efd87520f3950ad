// `postern status` as text and as JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "control/channel/operator.pb.h"

namespace postern::cli {

std::string status_text(const channel::v1::StatusReply& status, uint64_t now_unix_ms);
nlohmann::ordered_json status_json(const channel::v1::StatusReply& status, uint64_t now_unix_ms);

}  // namespace postern::cli
