// SPDX-License-Identifier: Apache-2.0
#include "stalls/duration_histogram.h"

#include <gtest/gtest.h>

namespace loopstall::stalls {
namespace {

TEST(DurationHistogram, BoundsAreInclusive) {
  for (std::size_t i = 0; i < kBucketBoundsNs.size(); ++i) {
    DurationHistogram histogram;
    histogram.observe(kBucketBoundsNs[i]);
    histogram.observe(kBucketBoundsNs[i] + 1);
    EXPECT_EQ(histogram.buckets[i], 1u) << i;
    EXPECT_EQ(histogram.buckets[i + 1], 1u) << i;
  }
}

TEST(DurationHistogram, CountsAndSums) {
  DurationHistogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  histogram.observe(0);
  histogram.observe(3'000'000);
  histogram.observe(60'000'000'000);
  EXPECT_EQ(histogram.count(), 3u);
  EXPECT_EQ(histogram.sum_ns, 60'003'000'000u);
  EXPECT_EQ(histogram.buckets.front(), 1u);
  EXPECT_EQ(histogram.buckets.back(), 1u);
}

TEST(DurationHistogram, Adds) {
  DurationHistogram one;
  one.observe(3'000'000);
  DurationHistogram sum;
  sum.observe(3'000'000);
  sum.observe(1);
  sum.add(one);
  EXPECT_EQ(sum.buckets[0], 1u);
  EXPECT_EQ(sum.buckets[2], 2u);
  EXPECT_EQ(sum.sum_ns, 6'000'001u);
}

TEST(DurationHistogram, QuantilesInterpolateInsideTheBucket) {
  DurationHistogram histogram;
  EXPECT_EQ(histogram.quantile_seconds(0.5), 0);
  for (int i = 0; i < 4; ++i) histogram.observe(150'000'000);  // the bucket 0.1 … 0.25
  EXPECT_DOUBLE_EQ(histogram.quantile_seconds(0.5), 0.175);
  EXPECT_DOUBLE_EQ(histogram.quantile_seconds(1), 0.25);
  EXPECT_DOUBLE_EQ(histogram.quantile_seconds(0), 0.1);
  for (int i = 0; i < 4; ++i) histogram.observe(1);  // the first bucket starts at 0
  EXPECT_DOUBLE_EQ(histogram.quantile_seconds(0.25), 0.0005);
  EXPECT_DOUBLE_EQ(histogram.quantile_seconds(0.5), 0.001);
  EXPECT_DOUBLE_EQ(histogram.quantile_seconds(0.75), 0.175);
}

TEST(DurationHistogram, QuantilesAboveAllBoundsAreTheLastBound) {
  DurationHistogram histogram;
  histogram.observe(100'000'000'000);
  EXPECT_DOUBLE_EQ(histogram.quantile_seconds(0.5), 30);
  EXPECT_DOUBLE_EQ(histogram.quantile_seconds(7), 30);
}

}  // namespace
}  // namespace loopstall::stalls
