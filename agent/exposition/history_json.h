// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "stalls/history.h"

namespace loopstall::exposition {

/// /api/v1/history: steps that ended after `since_wall_ms`, of Unix time; 0 for the whole hour.
std::string history_json(const stalls::Snapshot& snapshot, uint64_t since_wall_ms);

}  // namespace loopstall::exposition
