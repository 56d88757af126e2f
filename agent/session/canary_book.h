// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>

#include "probes/event.h"
#include "stalls/snapshot.h"

namespace loopstall::session {

/// A turn of the canary's loop, by its own clock. Nanoseconds of CLOCK_MONOTONIC.
struct CanaryHold {
  uint64_t start_ns = 0;  ///< back from its home wait
  uint64_t end_ns = 0;    ///< about to enter it again
  uint64_t slept_ns = 0;  ///< asked for, in between; the sleep may last longer
};

/// Holds against the turns that were reported. Pure.
class CanaryBook {
 public:
  void add(const CanaryHold& hold) { open_.push_back(hold); }
  /// `knows_causes`: not only the length of turns was measured.
  void see(const probes::EventOrigin& origin, const probes::TurnEnded& turn, bool knows_causes);
  /// What was not reported rightly within seconds is missed.
  void settle(uint64_t now_ns);
  const stalls::CanaryCounts& counts() const { return counts_; }

 private:
  std::deque<CanaryHold> open_;  // oldest first
  stalls::CanaryCounts counts_;
};

}  // namespace loopstall::session
