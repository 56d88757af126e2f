// SPDX-License-Identifier: Apache-2.0
#include "terminal/quantities.h"

#include <gtest/gtest.h>

namespace loopstall::terminal {
namespace {

TEST(Quantities, DurationsHaveTheUnitThatReadsBest) {
  EXPECT_EQ(duration_text(0), "0.0 ms");
  EXPECT_EQ(duration_text(400'000), "0.4 ms");
  EXPECT_EQ(duration_text(9'940'000), "9.9 ms");
  EXPECT_EQ(duration_text(85'000'000), "85 ms");
  EXPECT_EQ(duration_text(999'400'000), "999 ms");
  EXPECT_EQ(duration_text(999'600'000), "1.0 s");
  EXPECT_EQ(duration_text(12'340'000'000), "12.3 s");
  EXPECT_EQ(duration_text(150'000'000'000), "150 s");
  EXPECT_EQ(duration_text(3'600'000'000'000), "60 min");
  EXPECT_EQ(duration_text(172'800'000'000'000), "48 h");
}

TEST(Quantities, NoneIsWiderThanItsColumn) {
  for (uint64_t ns = 1; ns < 1ULL << 62; ns = ns * 3 / 2 + 1) {
    EXPECT_LE(duration_text(ns).size(), 7u) << ns;
  }
  for (const double ratio : {-1.0, 0.0, 0.004, 0.0996, 0.5, 1.0, 7.5, 1e9}) {
    EXPECT_LE(percent_text(ratio).size(), 6u) << ratio;
  }
}

TEST(Quantities, SmallSharesKeepADigit) {
  EXPECT_EQ(percent_text(0.004), "0.4 %");
  EXPECT_EQ(percent_text(0.934), "93 %");
  EXPECT_EQ(percent_text(1), "100 %");
}

}  // namespace
}  // namespace loopstall::terminal
