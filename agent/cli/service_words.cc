// SPDX-License-Identifier: Apache-2.0
#include "cli/service_words.h"

#include "config/values.h"

namespace loopstall::cli {

base::Result<uint64_t> read_duration(const std::string& text, uint64_t usual_ns) {
  if (text.empty()) return usual_ns;
  return config::duration_value("--duration", text, config::kLookDuration);
}

base::Result<void> check_one_service(std::string_view name, const std::vector<std::string>& command,
                                     const config::Config& config) {
  if (command.empty() != config.pids.empty()) return {};
  return base::fail(base::ErrorKind::usage,
                    "loopstall {} needs one of both, the pid of a service (-p PID) or its command "
                    "(-- COMMAND)",
                    name);
}

}  // namespace loopstall::cli
