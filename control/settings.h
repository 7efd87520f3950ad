// What may stand in the control process's configuration file.
#pragma once

#include <vector>

#include "base/config.h"

namespace postern {

// The process's own keys and those of its rooms, section by section.
const std::vector<ConfigKey>& control_config_keys();

}  // namespace postern
