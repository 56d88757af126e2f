// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "loops/labels.h"
#include "stalls/function_table.h"
#include "stalls/loop_account.h"
#include "stalls/snapshot.h"
#include "stalls/stack_time.h"
#include "stalls/turn.h"

namespace loopstall::stalls {

/// The totals of all loops that share one label set. A loop adds what its account has grown by, so
/// totals outlive loops and never decrease.
class Service {
 public:
  Service(loops::LoopLabels labels, FunctionLimits limits, SeriesBudget& budget, uint64_t now_ns,
          bool keeps_stacks = false)
      : keeps_stacks_(keeps_stacks), functions_(limits, budget) {
    totals_.labels = std::move(labels);
    totals_.created_ns = now_ns;
  }

  FunctionTable& functions() { return functions_; }
  ServiceSnapshot& totals() { return totals_; }
  void add_syscall(std::string_view name, uint64_t ns) { syscalls_[std::string(name)] += ns; }
  /// Busy time, settled: for its function, and for its stack if it has one.
  void add_busy(const BusyShare& share, uint64_t now_ns);
  /// By stack, since it is known; all zero unless claims bring their stacks.
  ServiceStackTimes stack_times() const;

  /// Totals and function series; the caller adds the live loops.
  ServiceSnapshot snapshot() const;

  /// Keeps what was spent so far for the gain of the next minute. Call it a few times a second.
  void keep_totals(uint64_t now_ns) {
    if (gains_.is_due(now_ns)) gains_.keep(now_ns, gain_totals());
  }

  bool keeps_stacks() const { return keeps_stacks_; }

  void mark_used(uint64_t now_ns) { used_ns_ = now_ns; }
  uint64_t used_ns() const { return used_ns_; }

 private:
  GainTotals gain_totals() const;

  const bool keeps_stacks_;
  uint64_t used_ns_ = 0;  // when it last had a loop
  ServiceSnapshot totals_;
  FunctionTable functions_;
  std::map<std::string, uint64_t> syscalls_;
  std::map<std::pair<BusyOwner, Cause>, uint64_t> stack_times_;
  GainWindow gains_;
};

/// All services of the node, by label set. References stay valid until expire().
class ServiceTable {
 public:
  /// `keeps_stacks`: each service knows its busy time by stack.
  ServiceTable(FunctionLimits limits, std::size_t max_function_series, bool keeps_stacks = false)
      : limits_(limits), max_series_(max_function_series), keeps_stacks_(keeps_stacks) {
    budget_.left = max_function_series;
  }

  /// It is made where there is none yet.
  Service& service(const loops::LoopLabels& labels, uint64_t now_ns);
  const std::map<loops::LoopLabels, std::unique_ptr<Service>>& all() const { return services_; }
  /// Ends the series of services that have had no loop for the grace period, and of the longest
  /// unused ones beyond a bound: a node may run scripts of ever new names. `in_use` has the
  /// services with loops.
  void expire(const std::set<const Service*>& in_use, uint64_t now_ns);
  uint64_t series_folded() const { return budget_.folded; }
  SeriesUse function_series() const { return {max_series_ - budget_.left, max_series_}; }

 private:
  FunctionLimits limits_;
  const std::size_t max_series_;
  const bool keeps_stacks_;
  SeriesBudget budget_;
  std::map<loops::LoopLabels, std::unique_ptr<Service>> services_;
};

/// Busy and idle of one loop over the last minute.
class UtilizationWindow {
 public:
  void add(uint64_t now_ns, uint64_t busy_total_ns, uint64_t idle_total_ns);
  double ratio() const;
  uint64_t busy_ns() const;
  uint64_t life_ns() const;

 private:
  struct Point {
    uint64_t time_ns;
    uint64_t busy_ns;
    uint64_t idle_ns;
  };
  std::deque<Point> points_;
};

/// Feeds one loop's account into its service: each reading adds what was not yet added. Readings
/// are counted one call late, when all events of their time have been drained and named: so
/// functions and causes stay in step. Two more calls after a loop's end bring in the rest.
class LoopLedger {
 public:
  explicit LoopLedger(Service& service) : service_(service) {}

  /// `account` as read at `now_ns`; and where the span was seen that was open at the reading
  /// before: null when that is not known.
  void update(const LoopAccount& account, uint64_t now_ns, const KnownStackPtr& seen);
  /// Time seen by samples, to be met from the exact time.
  void claim_block(const BlockSample& block);
  void claim_tick(const TickSample& tick, uint64_t period_ns);
  const UtilizationWindow& utilization() const { return utilization_; }
  const Service& service() const { return service_; }
  Service& service() { return service_; }

 private:
  struct Reading {
    LoopAccount account;
    uint64_t time_ns = 0;
  };

  void count();
  std::array<uint64_t, kCauseCount + 1> take_growth(const LoopAccount& live);
  void claim_open_span(const KnownStackPtr& seen);
  BusyOwner owner(const KnownStackPtr& stack) const;

  Service& service_;
  Reading last_;
  LoopAccount counted_;      // the last account that was counted
  ByCause shown_busy_ns_{};  // what the service was given so far
  uint64_t shown_idle_ns_ = 0;
  std::map<std::string_view, uint64_t> shown_syscalls_;
  uint64_t open_start_ns_ = 0;    // the open span that was claimed in advance
  uint64_t open_claimed_ns_ = 0;  // by how much
  BusyLedger busy_;
  UtilizationWindow utilization_;
};

}  // namespace loopstall::stalls
