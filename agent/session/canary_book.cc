// SPDX-License-Identifier: Apache-2.0
#include "session/canary_book.h"

#include <algorithm>

namespace loopstall::session {
namespace {

// Events are collected every 50 ms; a machine may be paused for seconds.
constexpr uint64_t kReportNs = 5'000'000'000;

/// The turn lasts from before the hold until after it. Between the begin of the call and the sleep
/// the thread may lose its CPU: then a part of what was asked for is another cause's.
bool agrees(const CanaryHold& hold, const probes::EventOrigin& origin,
            const probes::TurnEnded& turn, bool knows_causes) {
  const uint64_t slept_ns = turn.cause_ns[index(stalls::Cause::sleep)];
  const bool is_cause_right =
      slept_ns >= hold.slept_ns / 2 && slept_ns <= hold.end_ns - hold.start_ns;
  return turn.start_ns <= hold.start_ns && origin.time_ns >= hold.end_ns &&
         stalls::sum(turn.cause_ns) >= hold.slept_ns && (is_cause_right || !knows_causes);
}

}  // namespace

void CanaryBook::see(const probes::EventOrigin& origin, const probes::TurnEnded& turn,
                     bool knows_causes) {
  const auto reported = std::find_if(open_.begin(), open_.end(), [&](const CanaryHold& hold) {
    return agrees(hold, origin, turn, knows_causes);
  });
  if (reported == open_.end()) return;
  ++counts_.reported;
  open_.erase(reported);
}

void CanaryBook::settle(uint64_t now_ns) {
  while (!open_.empty() && open_.front().end_ns + kReportNs < now_ns) {
    ++counts_.missed;
    open_.pop_front();
  }
}

}  // namespace loopstall::session
