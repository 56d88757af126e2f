// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "terminal/line.h"
#include "terminal/top_state.h"

namespace loopstall::terminal {

/// Of the terminal, in columns and lines. Anything below 40 by 10 is taken as that.
struct ScreenSize {
  std::size_t columns = 80;
  std::size_t lines = 24;
};

/// The lines of `loopstall top`: loops, then functions, or the row that was opened. At most as many
/// as the screen has.
std::vector<Line> top_lines(const TopModel& model, const TopState& state, ScreenSize size);

/// All of them, for paper of that width: no row is left out, and no key is named.
std::vector<Line> paper_lines(const TopModel& model, const TopState& state, std::size_t columns);

}  // namespace loopstall::terminal
