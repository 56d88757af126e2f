// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "host/procfs.h"

namespace loopstall::session {

/// Fails with ErrorKind::environment for the first of the user's pids that no process has.
base::Result<void> check_pids(const host::Procfs& procfs, const std::vector<uint32_t>& pids);

}  // namespace loopstall::session
