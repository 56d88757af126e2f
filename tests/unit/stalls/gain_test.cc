// SPDX-License-Identifier: Apache-2.0
#include "stalls/gain.h"

#include <gtest/gtest.h>

namespace loopstall::stalls {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSecond = 1'000 * kMs;
const GainTotals::Function kFunction{"save_log", "app/log.py"};

/// After `seconds` of a loop that is held for 600 ms in each, 450 of them by the function, in turns
/// of 300 ms of which it has 225.
GainTotals after(uint64_t seconds) {
  GainTotals totals;
  totals.life_ns = seconds * kSecond;
  totals.busy_ns = seconds * 600 * kMs;
  totals.turn_ns[bucket_of(300 * kMs)] = seconds * 600 * kMs;
  GainTotals::Part& part = totals.functions[kFunction];
  part.busy_ns = seconds * 450 * kMs;
  for (uint64_t turn = 0; turn < 2 * seconds; ++turn) {
    move_time(part.moved_ns, 300 * kMs, 225 * kMs);
  }
  return totals;
}

void keep_if_due(GainWindow& window, uint64_t now_ns, const GainTotals& totals) {
  if (window.is_due(now_ns)) window.keep(now_ns, totals);
}

TEST(Gain, IsTheLoopWithoutTheFunction) {
  GainWindow window;
  window.keep(1, {});
  const Gain gain = window.gain(after(10));
  EXPECT_EQ(gain.life_ns, 10 * kSecond);
  EXPECT_DOUBLE_EQ(gain.utilization, 0.6);
  ASSERT_EQ(gain.functions.size(), 1u);
  const FunctionGain& without = gain.functions[0];
  EXPECT_EQ(without.function, "save_log");
  EXPECT_EQ(without.file, "app/log.py");
  EXPECT_DOUBLE_EQ(without.utilization, 0.15);
  EXPECT_DOUBLE_EQ(without.load, 4);
  TimeByLength shorter{};
  shorter[bucket_of(75 * kMs)] = 20 * 75 * kMs;
  EXPECT_EQ(without.turn_ns, shorter);
}

TEST(Gain, IsOfTheLastMinute) {
  GainWindow window;
  for (uint64_t seconds = 0; seconds <= 300; ++seconds) {
    keep_if_due(window, (1 + seconds) * kSecond, after(seconds));
  }
  GainTotals now = after(300);
  EXPECT_EQ(window.gain(now).life_ns, 60 * kSecond);
  // Idle from here on.
  for (uint64_t seconds = 301; seconds <= 400; ++seconds) {
    now.life_ns += kSecond;
    keep_if_due(window, (1 + seconds) * kSecond, now);
  }
  const Gain gain = window.gain(now);
  EXPECT_EQ(gain.utilization, 0);
  EXPECT_TRUE(gain.functions.empty()) << "it had no part in the last minute";
}

TEST(Gain, OfAFunctionThatIsAllThereIs) {
  GainWindow window;
  window.keep(1, {});
  GainTotals now;
  now.life_ns = kSecond;
  now.busy_ns = 500 * kMs;
  now.functions[kFunction].busy_ns = 501 * kMs;  // read a little later
  const Gain gain = window.gain(now);
  EXPECT_EQ(gain.functions.at(0).utilization, 0);
  EXPECT_EQ(gain.functions.at(0).load, 0);
}

TEST(Gain, TakesNoMoreTimeAwayThanThereIs) {
  GainWindow window;
  window.keep(1, {});
  GainTotals now = after(10);
  now.turn_ns = {};  // the account is read later than the events
  const Gain gain = window.gain(now);
  EXPECT_EQ(gain.functions.at(0).turn_ns[bucket_of(300 * kMs)], 0u);
}

TEST(Gain, BeforeAnythingWasKept) {
  EXPECT_EQ(GainWindow().gain({}).life_ns, 0u);
  EXPECT_DOUBLE_EQ(GainWindow().gain(after(2)).utilization, 0.6);
}

}  // namespace
}  // namespace loopstall::stalls
