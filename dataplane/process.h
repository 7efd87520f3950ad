// The data plane's life, from settings to exit code.
#pragma once

#include "dataplane/settings.h"

namespace postern {

// What the process exits with.
inline constexpr int kStopped = 0;      // by SIGTERM or SIGINT, or asked only to print something
inline constexpr int kCannotStart = 1;  // the machine lacks something; the message says what to run
inline constexpr int kUsage = 2;        // the command line or the configuration is wrong

// Runs until SIGTERM or SIGINT. SIGHUP reads the signature set again. Once per process, on its main
// thread, before any other thread begins.
int run_data_plane(const Settings& settings);

}  // namespace postern
