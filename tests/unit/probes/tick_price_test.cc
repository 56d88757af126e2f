// SPDX-License-Identifier: Apache-2.0
#include "probes/tick_price.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace loopstall::probes {
namespace {

using testing::Optional;

TEST(TickPrice, IsTheMiddleOfTheLongestPausesWhateverElseInterrupted) {
  std::vector<uint64_t> pauses;
  for (uint64_t i = 0; i < 60; ++i) pauses.push_back(88'000 + i);  // the clock's ticks
  for (int i = 0; i < 10; ++i) pauses.push_back(4'000'000);        // the CPU was another's
  for (int i = 0; i < 500; ++i) pauses.push_back(2'000);           // a network card
  std::vector<uint64_t> backwards(pauses.rbegin(), pauses.rend());
  EXPECT_THAT(tick_price_ns(pauses, 60),
              Optional(testing::AllOf(testing::Ge(88'000u), testing::Lt(88'060u))));
  EXPECT_EQ(tick_price_ns(backwards, 60), tick_price_ns(pauses, 60));
}

TEST(TickPrice, OfTicksThatAreNotSeenIsLessThanWhatIsSeen) {
  std::vector<uint64_t> pauses = {3'000, 3'000, 3'000};
  EXPECT_THAT(tick_price_ns(pauses, 60), Optional(500u));
}

TEST(TickPrice, IsUnknownAfterTooFewTicks) {
  std::vector<uint64_t> pauses(19, 88'000);
  EXPECT_EQ(tick_price_ns(pauses, 19), std::nullopt);
  pauses.push_back(88'000);
  pauses.push_back(88'000);
  EXPECT_THAT(tick_price_ns(pauses, 20), Optional(88'000u));
}

TEST(AffordableRate, TakesAtMostATwoHundredthOfACpu) {
  EXPECT_EQ(affordable_rate_hz(std::nullopt), 99u);
  EXPECT_EQ(affordable_rate_hz(0), 99u);
  EXPECT_EQ(affordable_rate_hz(500), 99u);
  EXPECT_EQ(affordable_rate_hz(7'100), 99u);
  EXPECT_EQ(affordable_rate_hz(50'505), 99u);
  EXPECT_EQ(affordable_rate_hz(50'506), 89u);
  EXPECT_EQ(affordable_rate_hz(88'000), 49u);
  for (uint64_t price_ns = 500; price_ns < 263'000; price_ns += 500) {
    EXPECT_LE(affordable_rate_hz(price_ns) * price_ns, 5'000'000u) << price_ns;
    EXPECT_GE((affordable_rate_hz(price_ns) + 10) * price_ns,
              affordable_rate_hz(price_ns) == 99 ? 0u : 5'000'000u)
        << price_ns << ": more is affordable";
  }
}

TEST(AffordableRate, IsNeverTooLowToSeeAnything) {
  EXPECT_EQ(affordable_rate_hz(1'000'000), 19u);
  EXPECT_EQ(affordable_rate_hz(~0ull), 19u);
}

}  // namespace
}  // namespace loopstall::probes
