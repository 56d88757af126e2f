// SPDX-License-Identifier: Apache-2.0
#include "terminal/top_model.h"

#include <algorithm>
#include <utility>

#include "base/proportion.h"

namespace loopstall::terminal {
namespace {

using base::grown;

constexpr uint64_t kWindowNs = 10'000'000'000;

stalls::DurationHistogram since(const stalls::DurationHistogram& now,
                                const stalls::DurationHistogram& before) {
  stalls::DurationHistogram difference;
  for (std::size_t i = 0; i < now.buckets.size(); ++i) {
    difference.buckets[i] = grown(now.buckets[i], before.buckets[i]);
  }
  difference.sum_ns = grown(now.sum_ns, before.sum_ns);
  return difference;
}

ServiceRow service_row(const stalls::ServiceSnapshot& now, const stalls::ServiceSnapshot& before) {
  ServiceRow row{stalls::change_between(before, now), now.labels};
  row.stalls = grown(stalls::sum(now.stalls), stalls::sum(before.stalls));
  row.loops = now.loops.size();
  return row;
}

FunctionRow function_row(const ServiceRow& service, const stalls::FunctionSeries& now,
                         const stalls::FunctionSeries& before, uint64_t window_ns) {
  const stalls::DurationHistogram holds = since(now.holds, before.holds);
  FunctionRow row;
  row.labels = service.labels;
  row.function = now.function;
  row.file = now.file;
  row.line = now.line;
  row.entry = now.entry;
  row.leaf = now.leaf;
  row.cause = now.cause;
  row.occupancy = base::share(grown(now.busy_ns, before.busy_ns), service.life_ns);
  row.holds = holds.count();
  row.p99_seconds = holds.quantile_seconds(0.99);
  row.harm = base::share(grown(now.harm_ns, before.harm_ns), window_ns);
  row.advice = now.advice;
  return row;
}

void add_functions(TopModel& model, const ServiceRow& row, const stalls::ServiceSnapshot& now,
                   const stalls::ServiceSnapshot& before) {
  const stalls::SeriesIndex series_before(before);
  for (const stalls::FunctionSeries& series : now.functions) {
    const stalls::FunctionSeries& was = series_before.same_as(series);
    if (series.busy_ns == was.busy_ns && series.holds == was.holds) continue;
    model.functions.push_back(function_row(row, series, was, model.window_ns));
  }
}

}  // namespace

void TopWindow::keep(std::shared_ptr<const stalls::Snapshot> snapshot) {
  if (!kept_.empty() && kept_.back() == snapshot) return;
  kept_.push_back(std::move(snapshot));
  // The oldest one is as old as the window or older.
  while (kept_.size() > 2 &&
         grown(kept_.back()->monotonic_ns, kept_[1]->monotonic_ns) >= kWindowNs) {
    kept_.pop_front();
  }
}

TopModel TopWindow::model(const exposition::Present& present) const {
  TopModel model;
  if (kept_.empty()) return model;
  const stalls::Snapshot& before = *kept_.front();
  model.snapshot = kept_.back();
  model.window_ns = grown(model.snapshot->monotonic_ns, before.monotonic_ns);
  for (const stalls::ServiceSnapshot& service : model.snapshot->services) {
    const stalls::ServiceSnapshot& was = stalls::service_of(before, service.labels);
    model.services.push_back(service_row(service, was));
    add_functions(model, model.services.back(), service, was);
  }
  std::stable_sort(model.services.begin(), model.services.end(),
                   [](const ServiceRow& one, const ServiceRow& other) {
                     return one.utilization() > other.utilization();
                   });
  model.loops = loops_now(*model.snapshot, present);
  return model;
}

}  // namespace loopstall::terminal
