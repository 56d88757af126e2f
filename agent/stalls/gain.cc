// SPDX-License-Identifier: Apache-2.0
#include "stalls/gain.h"

#include <algorithm>

#include "base/proportion.h"

namespace loopstall::stalls {
namespace {

using base::grown;
using base::share;

constexpr uint64_t kWindowNs = 60'000'000'000;
constexpr uint64_t kStepNs = 15'000'000'000;

/// Its events may be ahead of the account by a reading: what is moved away is there at most.
TimeByLength moved(const TimeByLength& turn_ns, const MovedByLength& now,
                   const MovedByLength& before) {
  TimeByLength result{};
  for (std::size_t i = 0; i < kBucketCount; ++i) {
    const int64_t ns = static_cast<int64_t>(turn_ns[i]) + now[i] - before[i];
    result[i] = static_cast<uint64_t>(std::max<int64_t>(0, ns));
  }
  return result;
}

}  // namespace

void move_time(MovedByLength& moved, uint64_t turn_ns, uint64_t hold_ns) {
  const uint64_t rest_ns = grown(turn_ns, hold_ns);
  moved[bucket_of(turn_ns)] -= static_cast<int64_t>(turn_ns);
  moved[bucket_of(rest_ns)] += static_cast<int64_t>(rest_ns);
}

bool GainWindow::is_due(uint64_t now_ns) const {
  return kept_.empty() || now_ns - kept_.back().first >= kStepNs;
}

void GainWindow::keep(uint64_t now_ns, GainTotals totals) {
  kept_.emplace_back(now_ns, std::move(totals));
  while (kept_.size() > 2 && now_ns - kept_[1].first >= kWindowNs) kept_.pop_front();
}

Gain GainWindow::gain(const GainTotals& now) const {
  static const GainTotals kNothing;
  static const GainTotals::Part kNoPart;
  const GainTotals& before = kept_.empty() ? kNothing : kept_.front().second;
  Gain gain;
  gain.life_ns = grown(now.life_ns, before.life_ns);
  const uint64_t busy_ns = grown(now.busy_ns, before.busy_ns);
  gain.utilization = share(busy_ns, gain.life_ns);
  for (std::size_t i = 0; i < kBucketCount; ++i) {
    gain.turn_ns[i] = grown(now.turn_ns[i], before.turn_ns[i]);
  }
  for (const auto& [function, part] : now.functions) {
    const auto old = before.functions.find(function);
    const GainTotals::Part& then = old == before.functions.end() ? kNoPart : old->second;
    const uint64_t own_ns = grown(part.busy_ns, then.busy_ns);
    if (own_ns == 0) continue;
    const uint64_t rest_ns = grown(busy_ns, own_ns);
    gain.functions.push_back({function.first, function.second, share(rest_ns, gain.life_ns),
                              share(busy_ns, rest_ns),
                              moved(gain.turn_ns, part.moved_ns, then.moved_ns)});
  }
  return gain;
}

}  // namespace loopstall::stalls
