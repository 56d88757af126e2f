// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace loopstall::stalls {

/// Upper bounds (inclusive) in nanoseconds; one more bucket holds what is above the last.
inline constexpr std::array<uint64_t, 14> kBucketBoundsNs = {
    1'000'000,     2'500'000,     5'000'000,      10'000'000,    25'000'000,
    50'000'000,    100'000'000,   250'000'000,    500'000'000,   1'000'000'000,
    2'500'000'000, 5'000'000'000, 10'000'000'000, 30'000'000'000};

inline constexpr std::size_t kBucketCount = kBucketBoundsNs.size() + 1;

/// The bucket of a duration.
std::size_t bucket_of(uint64_t duration_ns);

/// A histogram of durations. Buckets are not cumulative.
struct DurationHistogram {
  std::array<uint64_t, kBucketCount> buckets{};
  uint64_t sum_ns = 0;

  void observe(uint64_t duration_ns);
  void add(const DurationHistogram& other);
  uint64_t count() const;
  /// Estimate by linear interpolation inside the bucket, as PromQL's histogram_quantile does it.
  /// 0 when empty; the last finite bound when it falls above that.
  double quantile_seconds(double q) const;

  bool operator==(const DurationHistogram&) const = default;
};

}  // namespace loopstall::stalls
