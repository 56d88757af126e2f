// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace loopstall::bpf_test {

/// A process of the test's own; destroying it kills it and waits for it.
class Victim {
 public:
  /// Runs `victims/<script> <arguments>` with Debian's Python.
  static Victim python(const std::string& script, const std::vector<std::string>& arguments);
  /// Turns on the CPU for as long as it lives.
  static Victim hog();

  Victim(Victim&& other) noexcept;
  Victim& operator=(Victim&&) = delete;
  ~Victim();

  pid_t pid() const { return pid_; }
  /// The next line of its standard output without the newline; empty at its end.
  std::string hear();
  /// A line for its standard input.
  void tell(const std::string& line);
  void signal(int number) const;
  void pin_to(int cpu) const;
  void end();

 private:
  Victim(pid_t pid, base::UniqueFd output, base::UniqueFd input);

  pid_t pid_ = -1;
  base::UniqueFd output_;
  base::UniqueFd input_;
};

}  // namespace loopstall::bpf_test
