// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "stalls/snapshot.h"

namespace loopstall::exposition {

/// A snapshot older than this says nothing certain about now: the agent's own thread is stuck.
inline constexpr uint64_t kSnapshotFreshNs = 10'000'000'000;

/// How old the loop's turn in progress is at `now_ns` (monotonic); 0 when the loop is idle. It
/// grows between snapshots, for a loop that never comes back makes no news, but not beyond what a
/// fresh snapshot can vouch for: otherwise a stuck agent would report every service as stalled.
uint64_t turn_age_ns(const stalls::LoopState& loop, uint64_t snapshot_ns, uint64_t now_ns);

/// The oldest turn in progress among the service's loops, startup turns included.
uint64_t oldest_turn_age_ns(const stalls::ServiceSnapshot& service, uint64_t snapshot_ns,
                            uint64_t now_ns);

}  // namespace loopstall::exposition
