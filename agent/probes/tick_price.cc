// SPDX-License-Identifier: Apache-2.0
#include "probes/tick_price.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "base/clock.h"
#include "probes/perf_events.h"

namespace loopstall::probes {
namespace {

constexpr uint32_t kTrialRateHz = 1000;
constexpr uint64_t kTrialNs = 60'000'000;  // of its own CPU time
constexpr uint64_t kPatienceNs = 300'000'000;
constexpr std::size_t kFewestTicks = 20;
/// What takes no longer is of no account, at any rate that is chosen.
constexpr uint64_t kShortestPauseNs = 500;
constexpr std::size_t kMostPauses = 4096;

constexpr uint32_t kLeastRateHz = 19;
constexpr uint64_t kTicksNsPerSecond = 1'000'000'000 / 200;

}  // namespace

std::optional<uint64_t> tick_price_ns(std::span<uint64_t> pauses_ns, std::size_t ticks) {
  if (ticks < kFewestTicks) return std::nullopt;
  if (pauses_ns.size() <= ticks / 2) return kShortestPauseNs;
  const auto middle = pauses_ns.begin() + static_cast<std::ptrdiff_t>(ticks / 2);
  std::nth_element(pauses_ns.begin(), middle, pauses_ns.end(), std::greater<>());
  return *middle;
}

std::optional<uint64_t> measure_tick_price_ns() {
  const base::UniqueFd clock = open_cpu_clock(0, -1, kTrialRateHz);
  if (!clock) return std::nullopt;
  std::vector<uint64_t> pauses_ns;
  pauses_ns.reserve(kMostPauses);
  const uint64_t begin_ns = base::read_clock_ns(CLOCK_MONOTONIC);
  const uint64_t own_begin_ns = base::read_clock_ns(CLOCK_THREAD_CPUTIME_ID);
  uint64_t last_ns = begin_ns;
  uint64_t ran_ns = 0;
  while (ran_ns < kTrialNs && last_ns - begin_ns < kPatienceNs && pauses_ns.size() < kMostPauses) {
    const uint64_t ns = base::read_clock_ns(CLOCK_MONOTONIC);
    if (ns - last_ns > kShortestPauseNs) {
      pauses_ns.push_back(ns - last_ns);
      ran_ns = base::read_clock_ns(CLOCK_THREAD_CPUTIME_ID) - own_begin_ns;
    }
    last_ns = ns;
  }
  return tick_price_ns(pauses_ns, ran_ns / (1'000'000'000 / kTrialRateHz));
}

uint32_t affordable_rate_hz(std::optional<uint64_t> tick_price_ns) {
  if (!tick_price_ns || *tick_price_ns == 0) return kMostRateHz;
  const uint64_t affordable = kTicksNsPerSecond / *tick_price_ns;
  if (affordable >= kMostRateHz) return kMostRateHz;
  if (affordable < kLeastRateHz) return kLeastRateHz;
  return static_cast<uint32_t>((affordable + 1) / 10 * 10 - 1);
}

}  // namespace loopstall::probes
