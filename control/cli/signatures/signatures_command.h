// `postern signatures compile|show`.
#pragma once

#include <CLI/CLI.hpp>

namespace postern::cli {

// Exit codes: 0 done, 2 usage or input error.
void add_signatures_command(CLI::App& app, int* exit_code);

}  // namespace postern::cli
