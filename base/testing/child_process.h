// Bodies of tests that end with the process, or change what the process sees.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

namespace postern {

// What a child ends with that may not do what the test needs.
inline constexpr int kNotAllowed = 77;

// Runs `body` in a child process; what it returns is the child's exit status.
template <typename Body>
pid_t in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  return child;
}

// Waits for its end; -1: it ended by a signal.
inline int exit_status(pid_t child) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// For a child: an empty file system of `size` ("1m") in place of the directory. It goes with the
// child, in whose mount namespace it is. False: that needs root.
inline bool mount_small(const std::filesystem::path& directory, const char* size) {
  const std::string options = std::string("size=") + size;
  return unshare(CLONE_NEWNS) == 0 &&
         mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("tmpfs", directory.c_str(), "tmpfs", 0, options.c_str()) == 0;
}
// It has this size from now on.
inline bool resize(const std::filesystem::path& directory, const char* size) {
  const std::string options = std::string("size=") + size;
  return mount("tmpfs", directory.c_str(), "tmpfs", MS_REMOUNT, options.c_str()) == 0;
}

}  // namespace postern
