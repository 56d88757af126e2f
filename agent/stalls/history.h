// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "loops/labels.h"
#include "stalls/snapshot.h"

namespace loopstall::stalls {

/// What the loops of a service did in one step. Small, as there are many.
struct HistoryStep {
  uint64_t end_wall_ns = 0;
  std::array<float, kCauseCount> busy_seconds{};
  float idle_seconds = 0;
  std::array<uint32_t, kBucketCount> turns{};  ///< by length: kBucketBoundsNs
};

/// The counters of a service as of its last step.
struct ServiceTotal {
  uint64_t created_ns = 0;
  ByCause busy_ns{};
  uint64_t idle_ns = 0;
  DurationHistogram turns;
  bool is_listed = false;
};

struct ServiceHistory {
  loops::LoopLabels labels;
  std::deque<HistoryStep> steps;  ///< oldest first; none where no loop lived
  ServiceTotal total;
};

/// Process and thread.
using LoopKey = std::pair<uint32_t, uint32_t>;

/// The last hour of every service, for whoever has no Prometheus: bounded in time and in number.
class History {
 public:
  static constexpr uint64_t kStepNs = 10'000'000'000;
  static constexpr std::size_t kSteps = 360;
  static constexpr std::size_t kLoopSteps = 6;  ///< steps from one reading of a loop to the next
  static constexpr std::size_t kLoopReadings = 60;
  static constexpr std::size_t kMaxServices = 100;  ///< 43 KB each
  static constexpr std::size_t kMaxLoops = 2'000;

  /// Takes what is newer by a step than what it has; call it as often as there are snapshots. False
  /// when there is nothing new.
  bool add(const Snapshot& snapshot);

  const std::vector<ServiceHistory>& services() const { return services_; }
  /// How busy each living loop was in the minute before each reading, in hundredths; newest last.
  const std::map<LoopKey, std::deque<uint8_t>>& loops() const { return loops_; }
  /// Services that found no room.
  uint64_t left_out() const { return left_out_; }

 private:
  void add_service(const ServiceSnapshot& service, uint64_t wall_ns);
  void add_loops(const Snapshot& snapshot);
  void note_listed(const Snapshot& snapshot);
  void forget_old(uint64_t wall_ns);
  ServiceHistory* find_or_add(const loops::LoopLabels& labels);

  std::vector<ServiceHistory> services_;
  std::map<LoopKey, std::deque<uint8_t>> loops_;
  uint64_t taken_ns_ = 0;  // monotonic; 0: never
  std::size_t steps_ = 0;
  uint64_t left_out_ = 0;
};

}  // namespace loopstall::stalls
