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

/// The options of a CLI11 command that measures. A flag wins over its environment variable, which
/// wins over the configuration file (--config), which wins over the default. For --stall-log the
/// variable is LOOPSTALL_STALL_LOG and the key in the file `stall-log`, and so on; the variables of
/// options that may be given again hold their values separated by commas.
class Options {
 public:
  /// Declares the audience's options of the table on `command`, which must outlive this object's
  /// use.
  Options(CLI::App& command, Audience audience);
  ~Options();
  Options(Options&&) noexcept;
  Options& operator=(Options&&) noexcept;

  /// After `command` was parsed: the validated configuration, or one sentence (a usage error)
  /// about the first value that is off. Reads the configuration file.
  base::Result<Config> config(const Environment& environment) const;

  /// Whether --print-config was given.
  bool prints() const { return *prints_; }
  /// What holds, as a configuration file, with where each value comes from.
  base::Result<std::string> printed(const Environment& environment) const;

 private:
  struct Given;  // what the command line said, per option
  struct Held;   // what holds, per option

  static base::Result<Config> config_of(const std::vector<Held>& all);
  base::Result<std::vector<Held>> held(const Environment& environment) const;

  std::vector<std::unique_ptr<Given>> given_;
  std::unique_ptr<std::string> file_;  // of --config; CLI11 has its address
  std::unique_ptr<bool> prints_;       // likewise
};

/// getenv.
const char* process_environment(const char* name);

}  // namespace loopstall::config
