// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "loops/home_wait.h"
#include "loops/labels.h"
#include "stacks/python_process.h"
#include "stacks/raw_stack.h"
#include "stalls/cause.h"
#include "stalls/turn.h"

namespace loopstall::session {

/// A process whose stacks can be read. Immutable and shared between threads.
struct Target {
  stacks::PythonProcess python;
  loops::LoopLabels labels;  ///< without the runtime: that is the loop's
  std::string runtime;       ///< cpython3.11
};
using TargetPtr = std::shared_ptr<const Target>;

/// A loop that was there before the agent.
struct SightedLoop {
  uint32_t pid = 0;
  uint32_t tid = 0;
  loops::RuntimeKind kind = loops::RuntimeKind::none;
  bool in_home_wait = false;
  int32_t home_fd = -1;  ///< -1: not known
  stalls::Cause cause = stalls::Cause::cpu;
  bool polls = false;  ///< it waits in poll or select: seen only once those are hooked
  uint64_t seen_ns = 0;
  stalls::KnownStackPtr stack;
  uint64_t switches = 0;  ///< see probes::Seed; not in recordings, which need no seed
};

}  // namespace loopstall::session
