// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "loops/labels.h"
#include "stacks/frame.h"
#include "stalls/budget_state.h"
#include "stalls/cause.h"
#include "stalls/duration_histogram.h"
#include "stalls/gain.h"
#include "stalls/loop_account.h"
#include "stalls/own_advice.h"
#include "stalls/stall_record.h"

namespace loopstall::stalls {

/// In all series below, `created_ns` is when they were made, still empty: CLOCK_MONOTONIC; 0: not
/// known.

/// One function's counters within one service. `function` may be a reserved name (~framework,
/// ~unknown, ~unsampled, ~other, ~generated, ~machine); `file` is empty then.
struct FunctionSeries {
  std::string function;
  std::string file;
  Cause cause = Cause::other;
  DurationHistogram holds;  ///< holds of 1 ms and more
  uint64_t busy_ns = 0;     ///< unbiased share of busy time
  uint64_t harm_ns = 0;     ///< estimated time that ready descriptors waited for it in stalls
  std::string entry;        ///< the entry it was last seen under; may be empty
  int line = 0;             ///< the line last seen
  std::string path;         ///< raw path of the file
  uint64_t longest_ns = 0;  ///< the longest hold
  std::string leaf;
  std::string advice;
  uint64_t created_ns = 0;
};

struct EntrySeries {
  std::string entry;
  Cause cause = Cause::other;
  uint64_t busy_ns = 0;
  uint64_t created_ns = 0;
};

/// Processes that ended inside a stall of which the function had the longest part.
struct DeathSeries {
  std::string function;
  std::string file;
  uint64_t count = 0;
  uint64_t created_ns = 0;
};

struct SyscallSeries {
  std::string syscall;
  uint64_t blocked_ns = 0;
};

/// One loop, now.
struct LoopState {
  uint32_t pid = 0;
  uint32_t tid = 0;
  uint32_t slot = 0;  ///< of its account, which is this loop's while it has this generation
  uint32_t generation = 0;
  TurnInProgress turn;
  std::string phase;  ///< "startup" or "serving"
  double utilization_60s = 0;
  uint64_t measured_60s_ns = 0;  ///< life that this is the busy share of
  stacks::Stack stack;           ///< where that turn was last seen; may be empty
  stacks::Stack gil_holder;  ///< not empty: that turn last waited for the GIL, which was held there
};

/// Threads that do blocking work for loops: of concurrent.futures, anyio and trio.
struct PoolThreads {
  uint64_t busy = 0;
  uint64_t idle = 0;  ///< they wait for work
};

/// All loops that share one label set. Totals never decrease while the service is listed.
struct ServiceSnapshot {
  loops::LoopLabels labels;
  uint64_t created_ns = 0;  ///< also of its series by system call
  DurationHistogram turns;
  TimeByLength turn_time_ns{};
  DurationHistogram timer_lag;
  ByCause busy_ns{};
  uint64_t idle_ns = 0;
  uint64_t counted_until_ns = 0;  ///< monotonic: up to when busy_ns and idle_ns are complete
  double utilization_max = 0;     ///< of the busiest loop, last 60 s
  double utilization = 0;         ///< of all its loops together, last 60 s
  std::vector<FunctionSeries> functions;
  Gain gain;
  std::vector<EntrySeries> entries;
  std::vector<SyscallSeries> syscalls;
  std::vector<DeathSeries> deaths;
  ByCause stalls{};
  ByCause stall_ns{};
  uint64_t startup_ns = 0;
  uint64_t ready_events = 0;
  uint64_t delayed_events = 0;
  std::vector<LoopState> loops;  ///< live ones
  PoolThreads pool;              ///< of their processes, as last sampled
};

struct ReasonCount {
  std::string reason;
  uint64_t count = 0;
};

struct StackErrorCount {
  std::string runtime;
  std::string reason;
  uint64_t count = 0;
};

struct ProgramCost {
  std::string program;
  uint64_t runs = 0;
  double seconds = 0;  ///< extrapolated from the runs that are timed
};

struct TargetCount {
  std::string runtime;  ///< cpython3.11, other, …
  std::string state;    ///< measured, idle (no loop yet), unsupported, ignored
  uint64_t count = 0;
};

struct HookChoice {
  std::string hook;  ///< turn_boundary, tick, scheduler
  std::string mode;  ///< tracepoint, tp_btf, perf_event_cpu_clock, …
};

/// How the agent's loop of its own was seen: see session/canary.h.
struct CanaryCounts {
  uint64_t reported = 0;
  uint64_t missed = 0;  ///< its stalls that were not reported, or not rightly
};

/// Of the node's budget of function series: --max-function-series.
struct SeriesUse {
  uint64_t used = 0;
  uint64_t limit = 0;
};

/// The agent's own health.
struct AgentHealth {
  bool ready = false;                  ///< hooks attached and the first scan done
  std::vector<std::string> not_ready;  ///< reasons, one sentence each
  std::vector<HookChoice> hooks;
  uint32_t sample_rate_hz = 0;            ///< ticks of the sampling clock, on each busy CPU
  std::optional<uint64_t> tick_price_ns;  ///< what one takes from that CPU; measured at the start
  std::vector<TargetCount> targets;
  std::vector<ReasonCount> events_lost;
  std::vector<StackErrorCount> stack_errors;
  std::vector<ProgramCost> programs;
  std::optional<double> account_error_ratio;  ///< the worst loop's, of the last audit
  CanaryCounts canary;
  BudgetState budget;
  SeriesUse function_series;
  uint64_t series_folded = 0;             ///< functions counted in ~other for want of room
  uint64_t stall_records_suppressed = 0;  ///< stalls counted but not logged, over the rate limit
};

class History;

/// What the HTTP side reads: immutable, replaced as a whole by the session's thread.
struct Snapshot {
  uint64_t monotonic_ns = 0;  ///< when it was taken
  uint64_t wall_ns = 0;
  /// What times of creation are shown by: CLOCK_REALTIME less CLOCK_MONOTONIC when the measurement
  /// began. That of this moment differs with each correction of the clock.
  uint64_t wall_offset_ns = 0;
  std::vector<ServiceSnapshot> services;
  AgentHealth health;
  std::vector<std::shared_ptr<const StallRecord>> stalls;  ///< newest first, at most 1,000
  std::shared_ptr<const History> history;                  ///< null until there is any
  std::shared_ptr<const OwnAdvice> own_advice;             ///< null: none
};

/// Hands out the newest snapshot. Thread-safe; never null.
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  virtual std::shared_ptr<const Snapshot> snapshot() const = 0;
  /// The turn that a loop of the snapshot is in at this moment, by its account in the kernel.
  /// Nothing when that is not this loop's any more or cannot be read.
  virtual std::optional<TurnInProgress> turn_of(const LoopState&) const { return std::nullopt; }
};

}  // namespace loopstall::stalls
