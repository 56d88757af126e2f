// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command_line.h"
#include "config/config.h"

namespace CLI {
class App;
}

namespace loopstall::cli {

/// The words of `loopstall check`, as they were given.
struct CheckWords {
  std::string load;
  std::string duration;
  std::string max_occupancy;
  std::string max_hold;
  std::vector<std::string> max_blocked;
  bool all_causes = false;
  std::string baseline;
  std::string allow;
  std::string format;
  std::string output;
};

/// Declares them; both must outlive the parsing.
void declare_check(CLI::App& command, CheckWords& words);

/// One sentence (a usage error) about the first that is off. `service` is the command after --.
base::Result<CheckRequest> read_check(const CheckWords& words,
                                      const std::vector<std::string>& service,
                                      config::Config config);

}  // namespace loopstall::cli
