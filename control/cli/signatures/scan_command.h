// `postern scan`: scores message files with a signature set, without an appliance.
#pragma once

#include <CLI/CLI.hpp>

namespace postern::cli {

// Score from which a message is spam: the data plane's, when its configuration says nothing.
inline constexpr double kDefaultThreshold = 5.0;

// Exit codes: 0 no message over the threshold, 1 at least one, 2 usage or input error.
void add_scan_command(CLI::App& app, int* exit_code);

}  // namespace postern::cli
