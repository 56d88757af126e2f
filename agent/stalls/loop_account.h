// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "stalls/cause.h"
#include "stalls/duration_histogram.h"

namespace loopstall::stalls {

enum class LoopActivity : uint8_t { unborn, idle, running, off_cpu, ended };

/// One consistent reading of a loop's account in the kernel. Times are CLOCK_MONOTONIC.
struct LoopAccount {
  LoopActivity activity = LoopActivity::unborn;
  uint32_t generation = 0;
  uint64_t birth_ns = 0;
  uint64_t accounted_ns = 0;    ///< every accumulator is complete up to this instant
  uint64_t switched_in_ns = 0;  ///< not 0: off the CPU from accounted_ns until then, on it since
  Cause current_cause = Cause::cpu;  ///< of the off-CPU span that is open
  uint64_t turn_start_ns = 0;        ///< 0 while idle
  uint64_t turn_number = 0;
  bool serving = false;
  bool turn_at_least = false;
  ByCause busy_ns{};
  uint64_t idle_ns = 0;
  uint64_t startup_ns = 0;
  DurationHistogram turns;
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

/// Off-CPU spans that are open for less are not counted until they end.
inline constexpr uint64_t kOpenSpanCountsNs = 1'000'000'000;

/// The same account carried on to `now_ns`: the open span is added to what it is so far, so that a
/// loop that hangs shows it. The part of an off-CPU span that turns out to be waiting for a CPU is
/// known only afterwards, so a later account may hold less of a cause than an earlier one carried
/// on; whoever exports clamps. Short off-CPU spans are left out: they end soon, and then everything
/// about them is known.
LoopAccount carried_on(LoopAccount account, uint64_t now_ns);

/// How much of an open off-CPU span carried_on() counts.
uint64_t counted_open_ns(const LoopAccount& account, uint64_t now_ns);

}  // namespace loopstall::stalls
