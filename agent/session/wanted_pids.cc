// SPDX-License-Identifier: Apache-2.0
#include "session/wanted_pids.h"

#include <algorithm>

namespace loopstall::session {
namespace {

constexpr int kMaxGenerations = 64;

}  // namespace

base::Result<void> check_pids(const host::Procfs& procfs, const std::vector<uint32_t>& pids) {
  for (const uint32_t pid : pids) {
    if (!procfs.stat(static_cast<pid_t>(pid))) {
      return base::fail(base::ErrorKind::environment,
                        "no process has pid {}; give the pid of a running one with --pid", pid);
    }
  }
  return {};
}

bool descends_from(const host::Procfs& procfs, uint32_t pid,
                   const std::vector<uint32_t>& ancestors) {
  for (int generation = 0; generation < kMaxGenerations; ++generation) {
    const auto status = procfs.status(static_cast<pid_t>(pid));
    if (!status || status->ppid <= 0) return false;
    pid = static_cast<uint32_t>(status->ppid);
    if (std::find(ancestors.begin(), ancestors.end(), pid) != ancestors.end()) return true;
  }
  return false;
}

}  // namespace loopstall::session
