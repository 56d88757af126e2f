// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "stalls/cause.h"
#include "stalls/duration_histogram.h"
#include "stalls/gain.h"

namespace loopstall::stalls {

enum class LoopActivity : uint8_t { unborn, idle, running, off_cpu, ended };

/// One consistent reading of a loop's account in the kernel. Times are CLOCK_MONOTONIC.
struct LoopAccount {
  LoopActivity activity = LoopActivity::unborn;
  uint32_t generation = 0;
  uint64_t birth_ns = 0;
  uint64_t accounted_ns = 0;    ///< every accumulator is complete up to this instant
  uint64_t switched_in_ns = 0;  ///< not 0: off the CPU from accounted_ns until then, on it since
  Cause current_cause = Cause::cpu;  ///< of the off-CPU span that is open, as it seems
  uint64_t turn_start_ns = 0;        ///< 0 while idle
  uint64_t turn_number = 0;
  bool serving = false;
  bool turn_at_least = false;
  ByCause busy_ns{};
  uint64_t idle_ns = 0;
  uint64_t startup_ns = 0;
  DurationHistogram turns;
  TimeByLength turn_time_ns{};
  DurationHistogram timer_lag;  ///< by how much the loop's timers ran late
  ByCause stalls{};
  ByCause stall_ns{};
  uint64_t ready_events = 0;
  uint64_t delayed_events = 0;
  struct Syscall {
    std::string_view name;  ///< static
    uint64_t blocked_ns = 0;
  };
  std::vector<Syscall> syscalls;
};

/// The turn that a loop is in, or since when it is in none.
struct TurnInProgress {
  uint64_t start_ns = 0;       ///< monotonic; 0 while the loop is idle
  uint64_t number = 0;         ///< among the loop's turns
  bool at_least = false;       ///< it began before the agent saw the loop
  Cause cause = Cause::cpu;    ///< what it is at
  uint64_t idle_since_ns = 0;  ///< monotonic; 0 while the loop is busy, or when it has ended
};

/// That of the account; an idle one's when the loop has ended.
TurnInProgress turn_in_progress(const LoopAccount& account);

/// The same account carried on to `now_ns`: the open span is added to what it seems to be, so that
/// busy and idle are the loop's life at that instant, and a loop that hangs shows it. The part of a
/// span that turns out to be waiting for a CPU is known only afterwards, so a later account may
/// hold less of a cause (or of idle) than an earlier one carried on; whoever exports clamps.
LoopAccount carried_on(LoopAccount account, uint64_t now_ns);

/// Whether an off-CPU span inside a turn began at accounted_ns and is not accounted yet; it may be
/// over, when the thread runs again.
bool has_open_span(const LoopAccount& account);

/// How long that span has lasted by `now_ns`; 0 without one.
uint64_t open_span_ns(const LoopAccount& account, uint64_t now_ns);

}  // namespace loopstall::stalls
