// SPDX-License-Identifier: Apache-2.0
#include "exposition/turn_age.h"

#include <algorithm>

namespace loopstall::exposition {

uint64_t turn_age_ns(const stalls::LoopState& loop, uint64_t snapshot_ns, uint64_t now_ns) {
  if (!loop.in_turn) return 0;
  const uint64_t vouched_until_ns = std::min(now_ns, snapshot_ns + kSnapshotFreshNs);
  return vouched_until_ns > loop.turn_start_ns ? vouched_until_ns - loop.turn_start_ns : 0;
}

uint64_t oldest_turn_age_ns(const stalls::ServiceSnapshot& service, uint64_t snapshot_ns,
                            uint64_t now_ns) {
  uint64_t oldest_ns = 0;
  for (const stalls::LoopState& loop : service.loops) {
    oldest_ns = std::max(oldest_ns, turn_age_ns(loop, snapshot_ns, now_ns));
  }
  return oldest_ns;
}

}  // namespace loopstall::exposition
