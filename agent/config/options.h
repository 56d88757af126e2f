// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
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

/// Who has an option.
enum class Audience : uint8_t {
  agent,     ///< what is left on
  everyone,  ///< also the commands that measure for a while
};

/// The options of a CLI11 command that measures. A flag wins over its environment variable, which wins
/// over the default. The environment variable of --stall-log is LOOPSTALL_STALL_LOG, and so on;
/// those of options that may be given again hold their values separated by commas.
class Options {
 public:
  /// Declares the audience's options of the table on `command`, which must outlive this object's use.
  Options(CLI::App& command, Audience audience);
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
