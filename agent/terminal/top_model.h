// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "loops/labels.h"
#include "stalls/cause.h"
#include "stalls/snapshot.h"
#include "stalls/snapshot_change.h"
#include "terminal/loop_now.h"

namespace loopstall::terminal {

/// What a service's loops did in the window.
struct ServiceRow : stalls::ServiceChange {
  loops::LoopLabels labels;
  uint64_t stalls = 0;
  std::size_t loops = 0;  ///< now
};

/// What one function did to them in the window, by one cause.
struct FunctionRow {
  loops::LoopLabels labels;
  std::string function;
  std::string file;
  int line = 0;
  std::string entry;
  std::string leaf;
  stalls::Cause cause = stalls::Cause::other;
  double occupancy = 0;    ///< of the service's loops' time
  uint64_t holds = 0;      ///< of 1 ms and more
  double p99_seconds = 0;  ///< of those; 0 without any
  double harm = 0;         ///< seconds that ready descriptors waited, per second
  std::string advice;
};

/// What `loopstall top` shows of one moment.
struct TopModel {
  std::shared_ptr<const stalls::Snapshot> snapshot;
  uint64_t window_ns = 0;  ///< which the rows are of
  std::vector<ServiceRow> services;
  std::vector<LoopNow> loops;
  std::vector<FunctionRow> functions;
};

/// The snapshots of the last seconds; a model is the difference between the oldest and the newest.
class TopWindow {
 public:
  /// Takes the source's newest one, if that is new.
  void keep(std::shared_ptr<const stalls::Snapshot> snapshot);
  /// `present` as for exposition::turn_now. Nothing was kept yet: an empty model.
  TopModel model(const exposition::Present& present) const;

 private:
  std::deque<std::shared_ptr<const stalls::Snapshot>> kept_;
};

}  // namespace loopstall::terminal
