// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "terminal/line.h"
#include "terminal/top_state.h"

namespace loopstall::terminal {

/// All lines of the row that is selected: a loop's stack now, or a function's newest stall, what to
/// do about it and what that would gain. Says so where the row is gone.
std::vector<Line> detail_lines(const TopModel& model, const TopState& state);

}  // namespace loopstall::terminal
