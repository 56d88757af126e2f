// SPDX-License-Identifier: Apache-2.0
#include "base/log_limit.h"

#include <gtest/gtest.h>

namespace loopstall::base {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

TEST(LogLimit, ABurstAndThenSoManyASecond) {
  LogLimit limit;
  for (uint64_t i = 0; i < LogLimit::kBurst; ++i) EXPECT_TRUE(limit.admits(kSecond));
  EXPECT_FALSE(limit.admits(kSecond));
  EXPECT_FALSE(limit.admits(kSecond + 1));
  EXPECT_EQ(limit.take_left_out(), 2u);
  EXPECT_EQ(limit.take_left_out(), 0u);
  for (uint64_t i = 0; i < LogLimit::kPerSecond; ++i) EXPECT_TRUE(limit.admits(2 * kSecond));
  EXPECT_FALSE(limit.admits(2 * kSecond));
}

TEST(LogLimit, RestGivesNoMoreThanABurst) {
  LogLimit limit;
  EXPECT_TRUE(limit.admits(kSecond));
  for (uint64_t i = 0; i < LogLimit::kBurst; ++i) EXPECT_TRUE(limit.admits(1000 * kSecond));
  EXPECT_FALSE(limit.admits(1000 * kSecond));
}

TEST(LogLimit, PartsOfASecondAreNotLost) {
  LogLimit limit;
  for (uint64_t i = 0; i < LogLimit::kBurst; ++i) EXPECT_TRUE(limit.admits(kSecond));
  uint64_t admitted = 0;
  for (uint64_t ms = 1; ms <= 10'000; ++ms) admitted += limit.admits(kSecond + ms * 1'000'000);
  EXPECT_EQ(admitted, 10 * LogLimit::kPerSecond);
}

}  // namespace
}  // namespace loopstall::base
