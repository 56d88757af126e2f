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

/// The words of `loopstall record`, as they were given.
struct RecordWords {
  std::string duration;
  std::string format;
  std::string output;
  bool subprocesses = false;
};

/// Declares them; both must outlive the parsing.
void declare_record(CLI::App& command, RecordWords& words);

/// One sentence (a usage error) about the first that is off. `service` is the command after --.
base::Result<RecordRequest> read_record(const RecordWords& words,
                                        const std::vector<std::string>& service,
                                        config::Config config);

}  // namespace loopstall::cli
