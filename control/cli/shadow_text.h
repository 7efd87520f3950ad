// What a shadow set would have done, as a person and as a program reads it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "control/channel/operator.pb.h"

namespace postern::cli {

std::string shadow_text(const channel::v1::CompareShadowReply& reply);
nlohmann::ordered_json shadow_json(const channel::v1::CompareShadowReply& reply);

}  // namespace postern::cli
