// A probe's answer as JSON, for programs: as control/channel/json.h says.
#pragma once

#include <nlohmann/json.hpp>

#include "control/channel/probe.pb.h"

namespace postern::channel {

nlohmann::ordered_json to_json(const v1::ProbeReply& reply);

}  // namespace postern::channel
