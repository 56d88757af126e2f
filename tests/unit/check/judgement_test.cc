// SPDX-License-Identifier: Apache-2.0
#include "check/judgement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "service_under_test.h"

namespace loopstall::check {
namespace {

using stalls::Cause;
using testing::function_series;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kMs;
using ::testing::SizeIs;
using testing::snapshot_of;

/// A service whose loops lived for 10 s and turned 1,000 times in the window.
class JudgementTest : public ::testing::Test {
 protected:
  JudgementTest() {
    service = testing::idle_service();
    before = snapshot_of(service);
    service.idle_ns += 10'000 * kMs;
    for (int i = 0; i < 1000; ++i) service.turns.observe(1);
    service.ready_events += 1000;
  }

  /// The function took that much of the 10 s by that cause.
  void spend(const char* function, Cause cause, uint64_t ms, uint64_t longest_ms = 5) {
    service.functions.push_back(function_series(function, cause, ms, longest_ms));
    service.busy_ns[stalls::index(cause)] += ms * kMs;
    service.idle_ns -= ms * kMs;
  }

  Judgement judgement() const { return judge(before, snapshot_of(service), criteria); }

  stalls::Snapshot before;
  stalls::ServiceSnapshot service;
  Criteria criteria;
};

TEST_F(JudgementTest, AHealthyServicePasses) {
  spend("handler", Cause::cpu, 3000);
  spend("read_cache", Cause::file, 400);
  const Judgement found = judgement();
  EXPECT_THAT(found.findings, IsEmpty());
  EXPECT_FALSE(found.is_idle());
  EXPECT_DOUBLE_EQ(found.utilization, 0.34);
  EXPECT_EQ(found.turns, 1000u);
  EXPECT_THAT(found.functions, SizeIs(2));
}

TEST_F(JudgementTest, OccupancyIsOfBlockingCausesAndOfAllTogether) {
  spend("ask", Cause::network, 300);
  spend("ask", Cause::sleep, 210);
  const Judgement found = judgement();
  ASSERT_THAT(found.findings, SizeIs(1));
  const Finding& finding = found.findings.front();
  EXPECT_EQ(finding.rule, Rule::occupancy);
  EXPECT_EQ(finding.function, "ask");
  EXPECT_EQ(finding.cause, Cause::network) << "the one that took most";
  EXPECT_DOUBLE_EQ(finding.value, 0.051);
  EXPECT_TRUE(found.fails());
}

TEST_F(JudgementTest, TheLimitItselfIsAccepted) {
  spend("ask", Cause::network, 500);
  EXPECT_THAT(judgement().findings, IsEmpty());
}

TEST_F(JudgementTest, ComputingIsJudgedOnDemand) {
  spend("handler", Cause::cpu, 3000);
  EXPECT_THAT(judgement().findings, IsEmpty());
  criteria.all_causes = true;
  EXPECT_THAT(judgement().findings, SizeIs(1));
}

TEST_F(JudgementTest, WhatTheMachineTakesIsNobodysFault) {
  criteria.all_causes = true;
  spend("handler", Cause::throttled, 6000, 900);
  EXPECT_THAT(judgement().findings, IsEmpty());
}

TEST_F(JudgementTest, ALongHoldIsFoundWhateverItWasSpentOn) {
  spend("handler", Cause::cpu, 200, 180);
  const Judgement found = judgement();
  ASSERT_THAT(found.findings, SizeIs(1));
  EXPECT_EQ(found.findings[0].rule, Rule::hold);
  EXPECT_DOUBLE_EQ(found.findings[0].value, 0.18);
  EXPECT_THAT(sentence_of(found.findings[0]), HasSubstr("180 ms at a time, at most 100 ms"));
  criteria.max_hold_ns = 180 * kMs;
  EXPECT_THAT(judgement().findings, IsEmpty());
}

TEST_F(JudgementTest, ReservedNamesAreNotJudged) {
  spend("~framework", Cause::network, 5000, 900);
  EXPECT_THAT(judgement().findings, IsEmpty());
  EXPECT_THAT(judgement().functions, IsEmpty());
}

TEST_F(JudgementTest, BlockedTimeIsOfAllFunctionsPerThousandTurns) {
  criteria.max_blocked_ms[Cause::file] = 250;
  criteria.max_blocked_ms[Cause::sleep] = 0;
  spend("read_one", Cause::file, 100);
  spend("read_two", Cause::file, 160);
  const Judgement found = judgement();
  ASSERT_THAT(found.findings, SizeIs(1)) << "nothing slept";
  EXPECT_EQ(found.findings[0].rule, Rule::blocked);
  EXPECT_EQ(found.findings[0].function, "read_two");
  EXPECT_DOUBLE_EQ(found.findings[0].value, 260);
}

TEST_F(JudgementTest, WhatWasBeforeIsNotJudged) {
  spend("import_models", Cause::file, 2000);
  before = snapshot_of(service);
  EXPECT_THAT(judgement().findings, IsEmpty());
}

TEST_F(JudgementTest, ASilentServiceWasNotTried) {
  service.ready_events = 0;
  EXPECT_TRUE(judgement().is_idle());
  spend("compute", Cause::cpu, 200);
  EXPECT_FALSE(judgement().is_idle()) << "a worker that asks nobody";
}

TEST_F(JudgementTest, TheWorstComesFirst) {
  spend("bad", Cause::network, 600);
  spend("worse", Cause::sleep, 2500);
  const Judgement found = judgement();
  ASSERT_THAT(found.findings, SizeIs(2));
  EXPECT_EQ(found.findings[0].function, "worse");
}

}  // namespace
}  // namespace loopstall::check
