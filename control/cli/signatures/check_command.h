// `postern signatures check`: what is wrong with rule files, before they are compiled or loaded.
#pragma once

#include <CLI/CLI.hpp>

namespace postern::cli {

// Under `signatures`. Exit codes: 0 nothing to say, 1 warnings, 2 errors.
void add_check_command(CLI::App& signatures, int* exit_code);

}  // namespace postern::cli
