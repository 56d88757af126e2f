// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "exposition/stall_filter.h"
#include "stalls/snapshot.h"

namespace loopstall::exposition {

/// /api/v1/flame: the stacks of the holds of all stalls that the filter lets through, merged from
/// the outermost frame inwards; values are microseconds. What has no stack is under its function's
/// name.
std::string flame_json(const stalls::Snapshot& snapshot, const StallFilter& filter);

}  // namespace loopstall::exposition
