// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "host/procfs.h"

namespace loopstall::session {

/// Fails with ErrorKind::environment for the first of the user's pids that no process has.
base::Result<void> check_pids(const host::Procfs& procfs, const std::vector<uint32_t>& pids);

/// Whether one of them is the parent of `pid`, or the parent of that, and so on. A process whose
/// parent has ended has lost its ancestors.
bool descends_from(const host::Procfs& procfs, uint32_t pid,
                   const std::vector<uint32_t>& ancestors);

}  // namespace loopstall::session
