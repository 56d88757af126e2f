// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "stalls/snapshot.h"

namespace loopstall::exposition {

/// A snapshot older than this says nothing certain about now: the agent's own thread is stuck.
inline constexpr uint64_t kSnapshotFreshNs = 10'000'000'000;

/// The moment of an answer, which is later than that of its snapshot.
struct Present {
  uint64_t now_ns = 0;                               ///< monotonic
  const stalls::SnapshotSource* accounts = nullptr;  ///< borrowed; null: nothing newer is known
};

/// The turn that a loop is in at an answer, and for how long it has been in that, or idle.
struct TurnNow {
  stalls::TurnInProgress turn;
  uint64_t age_ns = 0;   ///< 0 when the loop is idle
  uint64_t idle_ns = 0;  ///< 0 when it is busy

  bool is_busy() const { return turn.start_ns != 0; }
};

/// Whether the stacks of `loop` are those of the turn that it is in now.
bool has_stacks_of(const stalls::LoopState& loop, const TurnNow& now);

/// By the loop's account as it is at that moment. Where that cannot be read it is what the snapshot
/// had: a turn that goes on, for a loop that never comes back makes no news, but not beyond what a
/// fresh snapshot can vouch for, or a stuck agent would report every service as stalled.
TurnNow turn_now(const stalls::LoopState& loop, uint64_t snapshot_ns, const Present& present);

/// The age of the oldest turn in progress among the service's loops, startup turns included.
uint64_t oldest_turn_age_ns(const stalls::ServiceSnapshot& service, uint64_t snapshot_ns,
                            const Present& present);

}  // namespace loopstall::exposition
