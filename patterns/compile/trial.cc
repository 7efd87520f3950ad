#include "patterns/compile/trial.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <map>

namespace postern::compile {
namespace {

// What a child tells. One that dies tells nothing.
struct Told {
  bool has_cost = false;
  double cost = 0;
};

// In a child: says what Hyperscan makes of it to `pipe` and ends.
[[noreturn]] void run(const Trial& trial, unsigned seconds, int pipe) {
  // Processor time, not time: on a busy machine the same expressions fit the budget.
  const rlimit limit{.rlim_cur = seconds, .rlim_max = seconds + 1};
  setrlimit(RLIMIT_CPU, &limit);
  signal(SIGXCPU, SIG_DFL);
  const auto cost = hyperscan_cost(*trial.form, *trial.sample);
  if (!cost && cost.error() == NoCost::kFailed) _exit(1);
  const Told told{cost.has_value(), cost.value_or(0)};
  _exit(write(pipe, &told, sizeof told) == sizeof told ? 0 : 1);
}

class Children {
 public:
  explicit Children(std::vector<TrialResult>& costs) : costs_(costs) {}

  size_t running() const { return pipes_.size(); }

  void start(size_t index, const Trial& trial, unsigned seconds) {
    int ends[2];
    if (pipe(ends) != 0) return;
    const pid_t child = fork();
    if (child == 0) run(trial, seconds, ends[1]);
    close(ends[1]);
    if (child < 0) {
      close(ends[0]);
    } else {
      pipes_[child] = {index, ends[0]};
    }
  }

  void wait_for_one() {
    int status = 0;
    const pid_t child = waitpid(-1, &status, 0);
    if (child < 0 && errno == EINTR) return;
    const auto found = pipes_.find(child);
    if (found == pipes_.end()) {
      if (child < 0) pipes_.clear();
      return;
    }
    TrialResult& result = costs_[found->second.index];
    Told told;
    if (read(found->second.pipe, &told, sizeof told) == sizeof told) {
      if (told.has_cost) result.cost = told.cost;
      result.is_final = true;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) result.is_final = true;
    close(found->second.pipe);
    pipes_.erase(found);
  }

 private:
  struct Child {
    size_t index;
    int pipe;
  };
  std::vector<TrialResult>& costs_;
  std::map<pid_t, Child> pipes_;
};

}  // namespace

std::vector<TrialResult> try_hyperscan(std::span<const Trial> trials, unsigned seconds,
                                       unsigned at_once) {
  std::vector<TrialResult> costs(trials.size());
  Children children(costs);
  for (size_t i = 0; i < trials.size(); ++i) {
    while (children.running() >= std::max(at_once, 1U)) children.wait_for_one();
    children.start(i, trials[i], seconds);
  }
  while (children.running() > 0) children.wait_for_one();
  return costs;
}

}  // namespace postern::compile
