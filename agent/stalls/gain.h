// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "stalls/duration_histogram.h"

namespace loopstall::stalls {

/// Time inside turns by how long they were, in nanoseconds; the buckets of DurationHistogram.
/// Weighted by time it says what others meet: whoever comes in a turn of a second waits for it.
using TimeByLength = std::array<uint64_t, kBucketCount>;

/// How time moves between those buckets when turns get shorter.
using MovedByLength = std::array<int64_t, kBucketCount>;

/// What a service's loops have spent so far, and its functions of that.
struct GainTotals {
  struct Part {
    uint64_t busy_ns = 0;
    MovedByLength moved_ns{};  ///< were its turns as long as they are without it
  };
  using Function = std::pair<std::string, std::string>;  // function, file

  uint64_t busy_ns = 0;
  uint64_t life_ns = 0;
  TimeByLength turn_ns{};
  std::map<Function, Part> functions;
};

/// The loops without one function. Utilisation is throughput times what a request costs the loop
/// (the utilisation law): at the same throughput, it falls by the function's share.
struct FunctionGain {
  std::string function;
  std::string file;
  double utilization = 0;
  double load = 0;  ///< how many times the present load would fill the loops as it does now; 0: any
  TimeByLength turn_ns{};
};

/// Of the last minute.
struct Gain {
  uint64_t life_ns = 0;  ///< of all loops together
  double utilization = 0;
  TimeByLength turn_ns{};
  std::vector<FunctionGain> functions;
};

/// Shortens a turn of `turn_ns` by `hold_ns`.
void move_time(MovedByLength& moved, uint64_t turn_ns, uint64_t hold_ns);

/// Totals of some instants of the last minute. Pure.
class GainWindow {
 public:
  /// Whether those before are old enough for others to be kept.
  bool is_due(uint64_t now_ns) const;
  void keep(uint64_t now_ns, GainTotals totals);
  /// From the oldest kept totals to these.
  Gain gain(const GainTotals& now) const;

 private:
  std::deque<std::pair<uint64_t, GainTotals>> kept_;
};

}  // namespace loopstall::stalls
