// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace loopstall::cli {

/// A command of the user that runs beside a measurement, with all that it starts in a process group
/// of its own. It writes to standard error: standard output is for the result. It ends with this
/// object, and with this process.
class Child {
 public:
  /// The process exists, but waits: what measures it can be told of it first.
  static base::Result<std::unique_ptr<Child>> prepare(std::vector<std::string> command);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Lets it run. Fails with ErrorKind::usage: there is no such command.
  base::Result<void> run();
  uint32_t pid() const { return static_cast<uint32_t>(pid_); }
  /// Its wait status once it has ended.
  std::optional<int> ended();
  /// SIGTERM to the group; SIGKILL after ten seconds.
  void end();

 private:
  Child(std::vector<std::string> command, pid_t pid, base::UniqueFd gate, base::UniqueFd failure);

  std::vector<std::string> command_;
  pid_t pid_;
  base::UniqueFd gate_;     // closed to let it run
  base::UniqueFd failure_;  // has the errno of an execvp() that failed
  std::optional<int> status_;
  bool is_over_ = false;
};

/// Whether there is no such process any more.
bool is_gone(uint32_t pid);

/// "exit status 1", "SIGKILL".
std::string ending_text(int wait_status);

}  // namespace loopstall::cli
