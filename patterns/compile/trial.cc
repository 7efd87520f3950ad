#include "patterns/compile/trial.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iterator>
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

  // Only for these: the process may have other children, which others wait for.
  void wait_for_one() {
    std::vector<pollfd> pipes;
    for (const auto& [child, end] : pipes_) pipes.push_back({end.pipe, POLLIN, 0});
    if (poll(pipes.data(), pipes.size(), -1) < 0) return;  // interrupted
    auto at = pipes_.begin();
    for (const pollfd& pipe : pipes) {
      const auto next = std::next(at);
      if (pipe.revents != 0) end(at);
      at = next;
    }
  }

 private:
  struct Child {
    size_t index;
    int pipe;
  };

  // It has told what it had to tell, or has died: its end of the pipe is closed, or will be.
  void end(std::map<pid_t, Child>::iterator which) {
    const auto [child, what] = *which;
    TrialResult& result = costs_[what.index];
    Told told;
    if (read(what.pipe, &told, sizeof told) == sizeof told) {
      if (told.has_cost) result.cost = told.cost;
      result.is_final = true;
    }
    int status = 0;
    pid_t ended = -1;
    do {
      ended = waitpid(child, &status, 0);
    } while (ended < 0 && errno == EINTR);
    if (ended == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
      result.is_final = true;
    close(what.pipe);
    pipes_.erase(which);
  }

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
