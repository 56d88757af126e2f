// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "probes/event.h"
#include "session/resolver.h"
#include "stalls/budget_state.h"

namespace loopstall::session {

class Measurement;

/// What the session's thread does between two waits. Live or replayed, a measurement goes on by
/// steps only, and each step has one time.
struct Step {
  uint64_t monotonic_ns = 0;
  uint64_t wall_ns = 0;
  std::vector<probes::Event> events;
  std::vector<ResolverResult> results;
  bool publishes = false;      ///< the accounts are read and a snapshot is made
  bool sweeps = false;         ///< what is done once a minute
  stalls::BudgetState budget;  ///< how much is measured from here on
};

/// All of it but the snapshot, which is the caller's to take.
void take_step(Measurement& measurement, Step&& step);

}  // namespace loopstall::session
