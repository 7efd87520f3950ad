// `postern scan`: scores message files with a signature set, without an appliance.
#pragma once

#include <CLI/CLI.hpp>

namespace postern::cli {

// Exit codes: 0 no message over the threshold, 1 at least one, 2 usage or input error.
void add_scan_command(CLI::App& app, int* exit_code);

}  // namespace postern::cli
