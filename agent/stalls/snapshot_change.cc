// SPDX-License-Identifier: Apache-2.0
#include "stalls/snapshot_change.h"

#include <algorithm>

#include "base/proportion.h"

namespace loopstall::stalls {

using base::grown;

double ServiceChange::utilization() const { return base::share(sum(busy_ns), life_ns); }

ServiceChange change_between(const ServiceSnapshot& before, const ServiceSnapshot& after) {
  ServiceChange change;
  for (std::size_t i = 0; i < kCauseCount; ++i) {
    change.busy_ns[i] = grown(after.busy_ns[i], before.busy_ns[i]);
  }
  change.life_ns = sum(change.busy_ns) + grown(after.idle_ns, before.idle_ns);
  change.turns = grown(after.turns.count(), before.turns.count());
  return change;
}

const ServiceSnapshot& service_of(const Snapshot& snapshot, const loops::LoopLabels& labels) {
  static const ServiceSnapshot kNone;
  const auto found = std::find_if(snapshot.services.begin(), snapshot.services.end(),
                                  [&](const auto& service) { return service.labels == labels; });
  return found == snapshot.services.end() ? kNone : *found;
}

SeriesIndex::SeriesIndex(const ServiceSnapshot& service) {
  for (const FunctionSeries& series : service.functions) series_[key_of(series)] = &series;
}

const FunctionSeries& SeriesIndex::same_as(const FunctionSeries& wanted) const {
  static const FunctionSeries kNone;
  const auto found = series_.find(key_of(wanted));
  return found == series_.end() ? kNone : *found->second;
}

SeriesIndex::Key SeriesIndex::key_of(const FunctionSeries& series) {
  return {series.function, series.file, series.cause};
}

}  // namespace loopstall::stalls
