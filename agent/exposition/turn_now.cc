// SPDX-License-Identifier: Apache-2.0
#include "exposition/turn_now.h"

#include <algorithm>
#include <optional>

#include "base/proportion.h"

namespace loopstall::exposition {
namespace {

TurnNow at(const stalls::TurnInProgress& turn, uint64_t until_ns) {
  const auto since = [&](uint64_t begin_ns) {
    return begin_ns == 0 ? 0 : base::grown(until_ns, begin_ns);
  };
  return {turn, since(turn.start_ns), since(turn.idle_since_ns)};
}

}  // namespace

bool has_stacks_of(const stalls::LoopState& loop, const TurnNow& now) {
  return now.is_busy() && now.turn.number == loop.turn.number;
}

TurnNow turn_now(const stalls::LoopState& loop, uint64_t snapshot_ns, const Present& present) {
  std::optional<stalls::TurnInProgress> newest;
  if (present.accounts != nullptr) newest = present.accounts->turn_of(loop);
  if (newest) return at(*newest, present.now_ns);
  return at(loop.turn, std::min(present.now_ns, snapshot_ns + kSnapshotFreshNs));
}

uint64_t oldest_turn_age_ns(const stalls::ServiceSnapshot& service, uint64_t snapshot_ns,
                            const Present& present) {
  uint64_t oldest_ns = 0;
  for (const stalls::LoopState& loop : service.loops) {
    oldest_ns = std::max(oldest_ns, turn_now(loop, snapshot_ns, present).age_ns);
  }
  return oldest_ns;
}

}  // namespace loopstall::exposition
