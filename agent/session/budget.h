// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "stalls/budget_state.h"

namespace loopstall::session {

/// What the agent may cost, in cores.
struct BudgetLimits {
  double node = 0;      ///< however much is observed
  double per_core = 0;  ///< more, for each core on which loops are observed
  uint32_t cores = 1;   ///< of the machine
};

/// Holds the agent to its budget: over it in one window, less is measured; well under it for long
/// enough, more again. A level that could not be kept is tried again later and later, so that a
/// steady load does not make it swing. Pure: see docs/decisions/0022.
class Budget {
 public:
  explicit Budget(const BudgetLimits& limits) : limits_(limits) {}

  /// Call it a few times a second. `cost_ns`: CPU time of the agent and its programs since their
  /// start, never decreasing; `now_ns`: CLOCK_MONOTONIC. True when the level has changed.
  bool see(uint64_t now_ns, uint64_t cost_ns, uint64_t loops);
  /// The change that see() asked for could not be made.
  void stay_at(stalls::Detail detail) { state_.detail = detail; }
  const stalls::BudgetState& state() const { return state_; }

 private:
  static constexpr uint64_t kFirstPatienceNs = 15'000'000'000;

  void begin_window(uint64_t now_ns, uint64_t cost_ns);
  void move(int by, uint64_t now_ns);
  bool step_down(uint64_t now_ns);
  bool step_up(uint64_t now_ns);

  BudgetLimits limits_;
  stalls::BudgetState state_;
  uint64_t started_ns_ = 0;  // 0: not yet
  uint64_t window_start_ns_ = 0;
  uint64_t window_cost_ns_ = 0;
  uint64_t level_since_ns_ = 0;
  uint64_t cheap_since_ns_ = 0;
  uint64_t patience_ns_ = kFirstPatienceNs;  // how long it must be cheap before more is measured
  bool has_climbed_ = false;                 // to this level, rather than fallen
};

}  // namespace loopstall::session
