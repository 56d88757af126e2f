// SPDX-License-Identifier: Apache-2.0
#include "session/canary_book.h"

#include <gtest/gtest.h>

namespace loopstall::session {
namespace {

using stalls::Cause;

constexpr uint64_t kMs = 1'000'000;
constexpr CanaryHold kHold{1'000 * kMs, 1'126 * kMs, 125 * kMs};

struct Turn {
  probes::EventOrigin origin;
  probes::TurnEnded ended;
};

/// As it should be reported.
Turn turn() {
  Turn turn;
  turn.origin.time_ns = 1'127 * kMs;
  turn.ended.start_ns = 999 * kMs;
  turn.ended.cause_ns[index(Cause::sleep)] = 125 * kMs;
  turn.ended.cause_ns[index(Cause::cpu)] = 3 * kMs;
  return turn;
}

stalls::CanaryCounts counts(const Turn& reported, bool knows_causes = true) {
  CanaryBook book;
  book.add(kHold);
  book.see(reported.origin, reported.ended, knows_causes);
  book.settle(kHold.end_ns + 6'000 * kMs);
  return book.counts();
}

void expect_missed(const Turn& reported) {
  EXPECT_EQ(counts(reported).reported, 0u);
  EXPECT_EQ(counts(reported).missed, 1u);
}

TEST(CanaryBook, AHoldThatIsReported) {
  EXPECT_EQ(counts(turn()).reported, 1u);
  EXPECT_EQ(counts(turn()).missed, 0u);
}

TEST(CanaryBook, ATurnMustCoverItsHold) {
  Turn late = turn();
  late.ended.start_ns = kHold.start_ns + 1;
  expect_missed(late);
  Turn early = turn();
  early.origin.time_ns = kHold.end_ns - 1;
  expect_missed(early);
}

TEST(CanaryBook, TheSleepMustBeItsCause) {
  Turn other = turn();
  other.ended.cause_ns = {};
  other.ended.cause_ns[index(Cause::network)] = 128 * kMs;
  expect_missed(other);
  Turn too_long = turn();
  too_long.ended.cause_ns[index(Cause::sleep)] = 126 * kMs + 1;
  expect_missed(too_long);
  Turn too_short = turn();
  too_short.ended.cause_ns[index(Cause::sleep)] = 121 * kMs;
  expect_missed(too_short);
}

TEST(CanaryBook, WhereTurnsAloneAreMeasuredTheirLengthMustBeRight) {
  Turn other = turn();
  other.ended.cause_ns = {};
  other.ended.cause_ns[index(Cause::other)] = 128 * kMs;
  EXPECT_EQ(counts(other, false).reported, 1u);
  other.ended.cause_ns[index(Cause::other)] = 124 * kMs;
  EXPECT_EQ(counts(other, false).missed, 1u);
}

TEST(CanaryBook, WhatAnotherThreadTookOfTheSleepIsNoError) {
  Turn preempted = turn();
  preempted.ended.cause_ns[index(Cause::sleep)] = 90 * kMs;
  preempted.ended.cause_ns[index(Cause::runqueue)] = 36 * kMs;
  EXPECT_EQ(counts(preempted).reported, 1u);
}

TEST(CanaryBook, AHoldIsMissedOnlyAfterSeconds) {
  CanaryBook book;
  book.add(kHold);
  book.settle(kHold.end_ns + 4'000 * kMs);
  EXPECT_EQ(book.counts().missed, 0u);
  book.see(turn().origin, turn().ended, true);
  book.see(turn().origin, turn().ended, true);
  book.settle(kHold.end_ns + 6'000 * kMs);
  EXPECT_EQ(book.counts().reported, 1u);
  EXPECT_EQ(book.counts().missed, 0u);
}

}  // namespace
}  // namespace loopstall::session
