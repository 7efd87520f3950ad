// An event of `postern inspect` for a person.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace postern::cli {

// Lines, each ended. Control characters are written as \xNN: what comes from mail must not drive
// the terminal.
std::string event_text(const nlohmann::ordered_json& event);

}  // namespace postern::cli
