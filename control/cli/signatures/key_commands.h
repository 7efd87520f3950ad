// `postern signatures keygen`, `sign` and `verify`.
#pragma once

#include <CLI/CLI.hpp>

namespace postern::cli {

void add_key_commands(CLI::App& signatures, int* exit_code);

}  // namespace postern::cli
