// `postern inspect`: reads a capture with the data plane's own code.
#pragma once

#include <CLI/CLI.hpp>

namespace postern::cli {

// Puts the command into `app`. When it is run it stores 0 in `exit_code`, or 2 when the capture or
// the signature set could not be read to its end; `exit_code` outlives the app's parsing.
void add_inspect_command(CLI::App& app, int* exit_code);

}  // namespace postern::cli
