// SPDX-License-Identifier: Apache-2.0
#include "stalls/duration_histogram.h"

#include <algorithm>
#include <numeric>

namespace loopstall::stalls {
namespace {

constexpr double kNsPerSecond = 1e9;

}  // namespace

std::size_t bucket_of(uint64_t duration_ns) {
  // Bounds are inclusive: the first that is not below the duration.
  const auto bound = std::lower_bound(kBucketBoundsNs.begin(), kBucketBoundsNs.end(), duration_ns);
  return static_cast<std::size_t>(bound - kBucketBoundsNs.begin());
}

void DurationHistogram::observe(uint64_t duration_ns) {
  ++buckets[bucket_of(duration_ns)];
  sum_ns += duration_ns;
}

void DurationHistogram::add(const DurationHistogram& other) {
  for (std::size_t i = 0; i < kBucketCount; ++i) buckets[i] += other.buckets[i];
  sum_ns += other.sum_ns;
}

uint64_t DurationHistogram::count() const {
  return std::accumulate(buckets.begin(), buckets.end(), uint64_t{0});
}

double DurationHistogram::quantile_seconds(double q) const {
  const uint64_t total = count();
  if (total == 0) return 0;
  const double rank = std::clamp(q, 0.0, 1.0) * static_cast<double>(total);
  double below = 0;
  for (std::size_t i = 0; i < kBucketBoundsNs.size(); ++i) {
    const auto here = static_cast<double>(buckets[i]);
    if (here > 0 && below + here >= rank) {
      const double lower = i == 0 ? 0 : static_cast<double>(kBucketBoundsNs[i - 1]);
      const auto upper = static_cast<double>(kBucketBoundsNs[i]);
      return (lower + (upper - lower) * (rank - below) / here) / kNsPerSecond;
    }
    below += here;
  }
  return static_cast<double>(kBucketBoundsNs.back()) / kNsPerSecond;
}

}  // namespace loopstall::stalls
