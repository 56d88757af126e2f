// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <gtest/gtest.h>

#include <chrono>

namespace loopstall::base {
namespace {

template <typename StdClock>
uint64_t now_ns() {
  const auto since = StdClock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

TEST(SystemClock, MonotonicIsTheSteadyClock) {
  const uint64_t before = now_ns<std::chrono::steady_clock>();
  const uint64_t read = system_clock().monotonic_ns();
  const uint64_t after = now_ns<std::chrono::steady_clock>();
  EXPECT_LE(before, read);
  EXPECT_LE(read, after);
}

TEST(SystemClock, WallIsSinceTheEpoch) {
  const uint64_t before = now_ns<std::chrono::system_clock>();
  const uint64_t read = system_clock().wall_ns();
  const uint64_t after = now_ns<std::chrono::system_clock>();
  EXPECT_LE(before, read);
  EXPECT_LE(read, after);
}

}  // namespace
}  // namespace loopstall::base
