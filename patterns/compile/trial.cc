#include "patterns/compile/trial.h"

#include <hs/hs.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace postern::compile {

bool compiles_in_time(const HyperscanForm& form, unsigned seconds) {
  const pid_t child = fork();
  if (child < 0) return false;
  if (child == 0) {
    // Processor time, not time: on a busy machine the same rules give the same artefact.
    const rlimit limit{.rlim_cur = seconds, .rlim_max = seconds + 1};
    setrlimit(RLIMIT_CPU, &limit);
    signal(SIGXCPU, SIG_DFL);
    hs_database_t* database = nullptr;
    hs_compile_error_t* error = nullptr;
    const bool compiled = hs_compile(form.pattern.c_str(), form.flags, HS_MODE_BLOCK, nullptr,
                                     &database, &error) == HS_SUCCESS;
    _exit(compiled ? 0 : 1);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace postern::compile
