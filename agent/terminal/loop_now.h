// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "exposition/turn_now.h"
#include "loops/labels.h"
#include "stacks/attribution.h"
#include "stalls/snapshot.h"

namespace loopstall::terminal {

/// One loop at this moment, and who holds it.
struct LoopNow {
  loops::LoopLabels labels;
  stalls::LoopState loop;  ///< its stacks are those of the turn in progress, or empty
  exposition::TurnNow now;
  stacks::Attribution blamed;  ///< `function` is empty where nobody is: idle, or not seen yet
  std::string advice;          ///< may be empty

  bool waits_for_gil() const { return !loop.gil_holder.frames.empty(); }
};

/// Its stack with a mark at the frame that is blamed, innermost first; of a wait for the GIL then
/// the stack that holds it.
std::vector<std::string> where_lines(const LoopNow& loop);

/// All loops of the snapshot: the longest turns in progress first, then by utilisation.
std::vector<LoopNow> loops_now(const stalls::Snapshot& snapshot,
                               const exposition::Present& present);

/// "busy for 1.2 s: sleep", "idle for 12 s".
std::string state_text(const LoopNow& loop);

}  // namespace loopstall::terminal
