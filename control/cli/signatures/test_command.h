// `postern signatures test`: what a set says of messages of which it is known what they are.
#pragma once

#include <CLI/CLI.hpp>

namespace postern::cli {

// Under `signatures`. Exit codes: 0 done; 1 more ham would be refused than --max-false-positives; 2
// usage, or a message or folder that could not be read (the figures are of the others).
void add_test_command(CLI::App& signatures, int* exit_code);

}  // namespace postern::cli
