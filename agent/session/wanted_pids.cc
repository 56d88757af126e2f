// SPDX-License-Identifier: Apache-2.0
#include "session/wanted_pids.h"

namespace loopstall::session {

base::Result<void> check_pids(const host::Procfs& procfs, const std::vector<uint32_t>& pids) {
  for (const uint32_t pid : pids) {
    if (!procfs.stat(static_cast<pid_t>(pid))) {
      return base::fail(base::ErrorKind::environment,
                        "no process has pid {}; give the pid of a running one with --pid", pid);
    }
  }
  return {};
}

}  // namespace loopstall::session
