// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "stalls/busy_ledger.h"
#include "stalls/gain.h"
#include "stalls/snapshot.h"
#include "stalls/turn_attribution.h"

namespace loopstall::stalls {

/// How many function series the whole node may still get; shared by all tables.
struct SeriesBudget {
  std::size_t left = 5000;
  uint64_t folded = 0;  ///< functions that deserved series and got none; each counted once
};

struct FunctionLimits {
  std::size_t functions = 20;  ///< admitted per container
  std::size_t entries = 50;
  double admit_occupancy = 0.01;  ///< of one loop, over `window_ns`
  uint64_t admit_hold_ns = 10'000'000;
  uint64_t window_ns = 10'000'000'000;
  std::size_t candidates = 512;  ///< functions watched for admission
};

/// The function and entry series of one container. A function gets series of its own when it
/// deserves them (a long hold, or its share of the loop) and keeps them; until then it is counted
/// in ~other, and what was counted there stays there: no counter ever jumps.
class FunctionTable {
 public:
  FunctionTable(FunctionLimits limits, SeriesBudget& budget) : limits_(limits), budget_(budget) {}
  /// Gives its series back to the budget.
  ~FunctionTable() { budget_.left += granted_; }
  FunctionTable(const FunctionTable&) = delete;
  FunctionTable& operator=(const FunctionTable&) = delete;

  /// One function's part of a finished serving turn; `advice` may be empty.
  void observe_hold(const Hold& hold, std::string advice, uint64_t now_ns);
  /// All holds of a finished serving turn, for what it would be without one of them.
  void observe_turn(const std::vector<Hold>& holds, uint64_t turn_ns);
  /// The hold was part of a stall and made others wait for `harm_ns` in all.
  void observe_harm(const Hold& hold, uint64_t harm_ns, uint64_t now_ns);
  /// The process ended inside a turn in which this was the longest hold.
  void observe_death(const Hold& hold, uint64_t now_ns);
  /// Busy time, settled.
  void add_busy(const BusyShare& share, uint64_t now_ns);

  std::vector<FunctionSeries> functions() const;
  std::vector<EntrySeries> entries() const;
  /// What each function with series of its own has had so far.
  std::map<GainTotals::Function, GainTotals::Part> parts() const;
  std::vector<DeathSeries> deaths() const;
  /// Functions watched for admission, or remembered as refused.
  std::size_t candidates() const { return candidates_.size(); }

 private:
  using Function = GainTotals::Function;
  struct Series {
    DurationHistogram holds;
    uint64_t busy_ns = 0;
    uint64_t harm_ns = 0;
    uint64_t created_ns = 0;
    uint64_t longest_ns = 0;
  };
  struct Counter {
    uint64_t value = 0;
    uint64_t created_ns = 0;
  };
  struct Description {
    std::string entry;
    int line = 0;
    std::string path;
    std::string leaf;
    std::string advice;
    uint64_t longest_ns = 0;
  };
  struct Candidate {
    uint64_t window_start_ns = 0;
    uint64_t busy_ns = 0;
    bool refused = false;
  };

  /// The function itself once it is admitted, else ~other.
  const Function& owner_of(const Function& function, bool deserves);
  const Function& watched_owner_of(const Function& function, bool deserves, uint64_t now_ns);
  bool is_admitted(const Function& function) const;
  Candidate* watch(const Function& function, uint64_t now_ns);
  bool has_earned(const Function& function, uint64_t busy_ns, uint64_t now_ns);
  bool admit(const Function& function);
  void refuse(const Function& function);
  bool make_room_for_a_candidate();
  Series& series(const Function& function, Cause cause, uint64_t now_ns);
  Series& make_series(const Function& function, Cause cause, uint64_t now_ns);
  static uint64_t& value_of(Counter& counter, uint64_t now_ns);
  const Description* description(const Function& function, Cause cause) const;

  FunctionLimits limits_;
  SeriesBudget& budget_;
  std::size_t granted_ = 0;  // series taken from the budget
  std::set<Function> admitted_;
  std::map<Function, Candidate> candidates_;
  std::map<std::pair<Function, Cause>, Series> series_;
  std::map<std::pair<Function, Cause>, Description> descriptions_;
  std::map<std::pair<std::string, Cause>, Counter> entries_;
  std::map<Function, Counter> deaths_;
  std::map<Function, MovedByLength> moved_;      // of admitted ones
  std::set<std::pair<Function, Cause>> folded_;  // series of admitted functions without budget
  std::set<std::string> entry_names_;
};

}  // namespace loopstall::stalls
