// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/config.h"

namespace CLI {
class App;
}

namespace loopstall::config {

/// Looks up an environment variable; null when it is unset. The default is getenv.
using Environment = std::function<const char*(const char*)>;

/// The agent's options on a CLI11 command. A flag wins over its environment variable, which wins
/// over the default. The environment variable of --stall-log is LOOPSTALL_STALL_LOG, and so on;
/// those of options that may be given again hold their values separated by commas.
class Options {
 public:
  /// Declares every option of the table on `command`, which must outlive this object's use.
  explicit Options(CLI::App& command);
  ~Options();
  Options(Options&&) noexcept;
  Options& operator=(Options&&) noexcept;

  /// After `command` was parsed: the validated configuration, or one sentence (a usage error)
  /// about the first value that is off.
  base::Result<Config> config(const Environment& environment) const;

 private:
  struct Given;  // what the command line said, per option
  std::vector<std::unique_ptr<Given>> given_;
};

/// getenv.
const char* process_environment(const char* name);

}  // namespace loopstall::config
