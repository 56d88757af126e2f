// SPDX-License-Identifier: Apache-2.0
#include "stalls/loop_account.h"

#include <gtest/gtest.h>

#include "known_stacks.h"

namespace loopstall::stalls {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSecond = 1'000 * kMs;

LoopAccount account(LoopActivity activity, Cause cause = Cause::cpu) {
  LoopAccount one;
  one.activity = activity;
  one.current_cause = cause;
  one.accounted_ns = 100 * kSecond;
  one.busy_ns[index(Cause::cpu)] = 5;
  one.busy_ns[index(Cause::network)] = 7;
  one.idle_ns = 11;
  return one;
}

ByCause busy(uint64_t cpu_ns, uint64_t network_ns) {
  ByCause by_cause{};
  by_cause[index(Cause::cpu)] = cpu_ns;
  by_cause[index(Cause::network)] = network_ns;
  return by_cause;
}

TEST(LoopAccount, AnIdleLoopGoesOnBeingIdle) {
  const LoopAccount live = carried_on(account(LoopActivity::idle), 103 * kSecond);
  EXPECT_EQ(live.idle_ns, 11 + 3 * kSecond);
  EXPECT_EQ(live.busy_ns, busy(5, 7));
}

TEST(LoopAccount, ARunningLoopGoesOnComputing) {
  const LoopAccount live = carried_on(account(LoopActivity::running), 100 * kSecond + kMs);
  EXPECT_EQ(live.busy_ns, busy(5 + kMs, 7));
  EXPECT_EQ(live.idle_ns, 11u);
}

TEST(LoopAccount, TimeBeforeTheSwitchInIsWhatItSeemedToBe) {
  LoopAccount just_in = account(LoopActivity::running, Cause::network);
  just_in.switched_in_ns = 102 * kSecond;
  EXPECT_EQ(carried_on(just_in, 103 * kSecond).busy_ns, busy(5 + kSecond, 7 + 2 * kSecond));
  // The thread came back after the reading was timed.
  EXPECT_EQ(carried_on(just_in, 101 * kSecond).busy_ns, busy(5, 7 + kSecond));
  EXPECT_TRUE(has_open_span(just_in));
  EXPECT_EQ(open_span_ns(just_in, 103 * kSecond), 2 * kSecond);
}

TEST(LoopAccount, TheTurnInProgressIsAtWhatItIsOffTheCpuFor) {
  LoopAccount turns = account(LoopActivity::off_cpu, Cause::network);
  turns.turn_start_ns = 99 * kSecond;
  turns.turn_number = 12;
  turns.turn_at_least = true;
  const TurnInProgress turn = turn_in_progress(turns);
  EXPECT_EQ(turn.start_ns, 99 * kSecond);
  EXPECT_EQ(turn.number, 12u);
  EXPECT_TRUE(turn.at_least);
  EXPECT_EQ(turn.cause, Cause::network);
  turns.activity = LoopActivity::running;
  EXPECT_EQ(turn_in_progress(turns).cause, Cause::cpu);
}

TEST(LoopAccount, NoTurnIsInProgressWhileIdleOrAfterTheEnd) {
  EXPECT_EQ(turn_in_progress(account(LoopActivity::idle)).start_ns, 0u);
  LoopAccount ended = account(LoopActivity::ended);
  ended.turn_start_ns = 99 * kSecond;
  EXPECT_EQ(turn_in_progress(ended).start_ns, 0u);
}

TEST(LoopAccount, AnOpenWaitCountsFromItsBegin) {
  const LoopAccount waits = account(LoopActivity::off_cpu, Cause::network);
  EXPECT_EQ(carried_on(waits, 100 * kSecond + 1).busy_ns, busy(5, 8));
  EXPECT_EQ(carried_on(waits, 101 * kSecond).busy_ns, busy(5, 7 + kSecond));
  EXPECT_TRUE(has_open_span(waits));
  EXPECT_EQ(open_span_ns(waits, 103 * kSecond), 3 * kSecond);
}

TEST(LoopAccount, OnlyAWaitInsideATurnIsAnOpenSpan) {
  for (const LoopActivity activity :
       {LoopActivity::unborn, LoopActivity::idle, LoopActivity::running, LoopActivity::ended}) {
    EXPECT_FALSE(has_open_span(account(activity)));
    EXPECT_EQ(open_span_ns(account(activity), 200 * kSecond), 0u);
  }
}

TEST(LoopAccount, AnEndedLoopAndOneNotYetBornStandStill) {
  for (const LoopActivity activity : {LoopActivity::unborn, LoopActivity::ended}) {
    const LoopAccount live = carried_on(account(activity), 200 * kSecond);
    EXPECT_EQ(live.busy_ns, busy(5, 7));
    EXPECT_EQ(live.idle_ns, 11u);
  }
}

TEST(LoopAccount, AReadingOlderThanTheAccountAddsNothing) {
  for (const LoopActivity activity :
       {LoopActivity::idle, LoopActivity::running, LoopActivity::off_cpu}) {
    const LoopAccount live = carried_on(account(activity), 99 * kSecond);
    EXPECT_EQ(live.busy_ns, busy(5, 7));
    EXPECT_EQ(live.idle_ns, 11u);
  }
}

}  // namespace
}  // namespace loopstall::stalls
