// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.h"

#include <gtest/gtest.h>

namespace loopstall::cli {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

TEST(Progress, IsAsLongAsItIsFar) {
  EXPECT_EQ(progress_line(30 * kSecond, 60 * kSecond, "1 loop", 80),
            "[############------------] 30.0 s of 60.0 s  1 loop");
  EXPECT_EQ(progress_line(0, 60 * kSecond, "", 80).substr(0, 26), "[------------------------]");
  EXPECT_EQ(progress_line(99 * kSecond, 60 * kSecond, "", 80).substr(0, 26),
            "[########################]");
}

TEST(Progress, StaysOnItsLine) {
  EXPECT_EQ(progress_line(kSecond, 60 * kSecond, std::string(100, 'x'), 40).size(), 40u);
}

}  // namespace
}  // namespace loopstall::cli
