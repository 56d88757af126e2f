// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loops/labels.h"
#include "stalls/cause.h"
#include "stalls/turn.h"

namespace loopstall::stalls {

/// Busy time of one service that one stack stood for.
struct StackTime {
  KnownStackPtr stack;   ///< null: nobody's in particular, see `function`
  std::string function;  ///< whom it is blamed on; may be a reserved name
  std::string file;
  Cause cause = Cause::other;
  uint64_t ns = 0;
};

/// All busy time of one service, by stack.
struct ServiceStackTimes {
  loops::LoopLabels labels;
  std::vector<StackTime> times;
};

}  // namespace loopstall::stalls
