// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "loops/labels.h"
#include "stalls/cause.h"
#include "stalls/snapshot.h"

namespace loopstall::stalls {

/// What a service's loops did between two snapshots of one measurement.
struct ServiceChange {
  ByCause busy_ns{};
  uint64_t life_ns = 0;  ///< busy and idle, of all its loops together
  uint64_t turns = 0;

  double utilization() const;
};

ServiceChange change_between(const ServiceSnapshot& before, const ServiceSnapshot& after);

/// The service of those labels; an empty one where there is none.
const ServiceSnapshot& service_of(const Snapshot& snapshot, const loops::LoopLabels& labels);

/// Finds the series of a service, which must outlive it.
class SeriesIndex {
 public:
  explicit SeriesIndex(const ServiceSnapshot& service);

  /// That of the same function, file and cause; an empty one where there is none.
  const FunctionSeries& same_as(const FunctionSeries& wanted) const;

 private:
  using Key = std::tuple<std::string, std::string, Cause>;
  static Key key_of(const FunctionSeries& series);

  std::map<Key, const FunctionSeries*> series_;
};

}  // namespace loopstall::stalls
