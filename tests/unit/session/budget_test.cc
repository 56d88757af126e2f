// SPDX-License-Identifier: Apache-2.0
#include "session/budget.h"

#include <gtest/gtest.h>

#include <vector>

namespace loopstall::session {
namespace {

using stalls::Detail;

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr BudgetLimits kLimits{0.01, 0.005, 2};

/// An agent that costs so many cores at each level, from its start on.
class BudgetTest : public testing::Test {
 protected:
  void costs(std::vector<double> by_level) { by_level_ = std::move(by_level); }
  /// The levels that it changed to.
  std::vector<Detail> run(uint64_t seconds) {
    std::vector<Detail> changes;
    for (uint64_t i = 0; i < 4 * seconds; ++i) {
      const auto level = static_cast<std::size_t>(budget_.state().detail);
      now_ns_ += kSecondNs / 4;
      cost_ns_ += static_cast<uint64_t>(by_level_.at(level) * static_cast<double>(kSecondNs / 4));
      if (budget_.see(now_ns_, cost_ns_, loops_)) changes.push_back(budget_.state().detail);
    }
    return changes;
  }

  Budget budget_{kLimits};
  std::vector<double> by_level_;
  uint64_t loops_ = 1;
  uint64_t now_ns_ = 77 * kSecondNs;
  uint64_t cost_ns_ = 3 * kSecondNs;  // what its start took
};

TEST_F(BudgetTest, ForTheNodeAndForEachCoreThatIsObserved) {
  costs({0, 0, 0, 0});
  loops_ = 0;
  run(1);
  EXPECT_DOUBLE_EQ(budget_.state().allowed, 0.01);
  loops_ = 1;
  run(1);
  EXPECT_DOUBLE_EQ(budget_.state().allowed, 0.015);
  loops_ = 100;
  run(1);
  EXPECT_DOUBLE_EQ(budget_.state().allowed, 0.02);
}

TEST_F(BudgetTest, WithinItNothingChanges) {
  costs({0.0149, 0, 0, 0});
  EXPECT_TRUE(run(3600).empty());
  EXPECT_NEAR(budget_.state().used, 0.0149, 1e-6);
}

TEST_F(BudgetTest, TheStartIsNoRunningCost) {
  costs({0.9, 0, 0, 0});
  EXPECT_TRUE(run(9).empty());
  costs({0.01, 0, 0, 0});
  EXPECT_TRUE(run(60).empty());
}

TEST_F(BudgetTest, OverItTheLevelFallsUntilItIsKept) {
  costs({0.03, 0.02, 0.012, 0.001});
  EXPECT_EQ(run(60), (std::vector{Detail::fewer_stacks, Detail::no_stacks}));
  costs({0.03, 0.03, 0.03, 0.03});
  EXPECT_EQ(run(3600), (std::vector{Detail::turns}));
}

TEST_F(BudgetTest, WithinSecondsOfBeingOverIt) {
  costs({0.001, 0.001, 0.001, 0.001});
  run(60);
  costs({0.03, 0.03, 0.03, 0.03});
  EXPECT_EQ(run(11), (std::vector{Detail::fewer_stacks, Detail::no_stacks}));
}

TEST_F(BudgetTest, WellUnderItMoreIsMeasuredAgain) {
  costs({0.03, 0.03, 0.03, 0.03});
  run(60);
  ASSERT_EQ(budget_.state().detail, Detail::turns);
  costs({0.002, 0.002, 0.002, 0.002});
  EXPECT_EQ(run(80), (std::vector{Detail::no_stacks, Detail::fewer_stacks, Detail::full}));
}

TEST_F(BudgetTest, JustUnderItIsNotWellUnderIt) {
  costs({0.03, 0.014, 0, 0});
  run(60);
  EXPECT_TRUE(run(3600).empty());
}

TEST_F(BudgetTest, ALevelThatCannotBeKeptIsTriedMoreAndMoreRarely) {
  costs({0.03, 0.005, 0, 0});
  EXPECT_LE(run(4 * 3600).size(), 2u * (6 + 4 * 3600 / 960) + 1);
  const auto last_hour = run(3600);
  EXPECT_GE(last_hour.size(), 4u);
  EXPECT_LE(last_hour.size(), 10u);
}

TEST_F(BudgetTest, AfterAQuietHourItIsTriedSoonAgain) {
  costs({0.03, 0.005, 0, 0});
  run(4 * 3600);
  costs({0.005, 0.005, 0, 0});
  run(3600);
  ASSERT_EQ(budget_.state().detail, Detail::full);
  costs({0.03, 0.005, 0, 0});
  run(11);
  costs({0.005, 0.005, 0, 0});
  EXPECT_EQ(run(30), (std::vector{Detail::full}));
}

}  // namespace
}  // namespace loopstall::session
