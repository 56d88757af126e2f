// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "stalls/snapshot.h"

namespace loopstall::check::testing {

inline constexpr uint64_t kMs = 1'000'000;

inline stalls::ServiceSnapshot idle_service() {
  stalls::ServiceSnapshot service;
  service.labels = {.process = "app.main:app", .runtime = "uvloop"};
  service.idle_ns = 5'000 * kMs;
  return service;
}

inline stalls::FunctionSeries function_series(const std::string& function, stalls::Cause cause,
                                              uint64_t busy_ms, uint64_t longest_ms) {
  stalls::FunctionSeries series;
  series.function = function;
  series.file = function.starts_with('~') ? "" : "app/main.py";
  series.path = function.starts_with('~') ? "" : "/srv/app/main.py";
  series.line = 12;
  series.entry = "upload";
  series.cause = cause;
  series.busy_ns = busy_ms * kMs;
  series.longest_ns = longest_ms * kMs;
  series.advice = "do it otherwise";
  return series;
}

inline stalls::Snapshot snapshot_of(const stalls::ServiceSnapshot& service) {
  stalls::Snapshot snapshot;
  snapshot.monotonic_ns = 1'000'000 * kMs + service.idle_ns;
  snapshot.services = {service};
  return snapshot;
}

}  // namespace loopstall::check::testing
