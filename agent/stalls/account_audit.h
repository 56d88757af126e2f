// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "stalls/loop_account.h"

namespace loopstall::stalls {

/// What the scheduler's own book says of a thread since its start, in nanoseconds.
struct SchedulerBook {
  uint64_t ran_ns = 0;     ///< on a CPU
  uint64_t waited_ns = 0;  ///< runnable, for a CPU or for its quota
};

/// Compares a loop's account with the clock and with the scheduler's book of its thread. What the
/// thread computes or is kept waiting inside its home wait is idle by definition,
/// so there the book may have up to the idle time more than the account; never less.
class AccountAudit {
 public:
  bool has_begun() const { return last_.has_value(); }

  /// The largest disagreement since the call before, as a share of the time between; nothing at the
  /// first call of each loop that the account is of, or when no time has passed. Both books are of
  /// `now_ns` (CLOCK_MONOTONIC).
  std::optional<double> compare(const LoopAccount& account, const SchedulerBook& book,
                                uint64_t now_ns);

 private:
  struct Totals {
    uint64_t birth;
    int64_t now, busy, idle, cpu, ready, ran, waited;
  };
  std::optional<Totals> last_;
};

}  // namespace loopstall::stalls
