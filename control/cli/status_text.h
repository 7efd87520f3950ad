// `postern status` as text.
#pragma once

#include <cstdint>
#include <string>

#include "control/channel/operator.pb.h"

namespace postern::cli {

std::string status_text(const channel::v1::StatusReply& status, uint64_t now_unix_ms);

}  // namespace postern::cli
