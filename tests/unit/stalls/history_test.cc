// SPDX-License-Identifier: Apache-2.0
#include "stalls/history.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace loopstall::stalls {
namespace {

constexpr uint64_t kStep = History::kStepNs;
constexpr uint64_t kWall = 1'800'000'000'000'000'000;

/// Snapshots of one service whose loop is busy with the network for 3 s of each 10.
class HistoryTest : public testing::Test {
 protected:
  HistoryTest() {
    snapshot_.services.resize(1);
    service().labels.process = "app";
    service().created_ns = 1;
    service().loops = {{.pid = 7, .tid = 8, .utilization_60s = 0.304}};
  }

  ServiceSnapshot& service() { return snapshot_.services[0]; }

  void live_on(ServiceSnapshot& service) {
    service.busy_ns[index(Cause::network)] += 3 * kStep / 10;
    service.idle_ns += 7 * kStep / 10;
    for (int i = 0; i < 5; ++i) service.turns.observe(2'000'000);
  }

  bool step() {
    snapshot_.monotonic_ns += kStep;
    snapshot_.wall_ns = kWall + snapshot_.monotonic_ns;
    for (ServiceSnapshot& one : snapshot_.services) live_on(one);
    return history_.add(snapshot_);
  }

  Snapshot snapshot_;
  History history_;
};

TEST_F(HistoryTest, KeepsWhatEachStepAdded) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(step());
  ASSERT_EQ(history_.services().size(), 1u);
  const auto& steps = history_.services()[0].steps;
  ASSERT_EQ(steps.size(), 3u);
  for (const HistoryStep& one : steps) {
    EXPECT_FLOAT_EQ(one.busy_seconds[index(Cause::network)], 3);
    EXPECT_FLOAT_EQ(one.busy_seconds[index(Cause::cpu)], 0);
    EXPECT_FLOAT_EQ(one.idle_seconds, 7);
    EXPECT_EQ(one.turns[bucket_of(2'000'000)], 5u);
  }
  EXPECT_EQ(steps[2].end_wall_ns, snapshot_.wall_ns);
}

TEST_F(HistoryTest, TakesOneSnapshotInAStep) {
  step();
  snapshot_.monotonic_ns += kStep - 1;
  EXPECT_FALSE(history_.add(snapshot_));
  snapshot_.monotonic_ns += 1;
  EXPECT_TRUE(history_.add(snapshot_));
}

TEST_F(HistoryTest, KeepsAnHour) {
  for (std::size_t i = 0; i < History::kSteps + 5; ++i) step();
  EXPECT_EQ(history_.services()[0].steps.size(), History::kSteps);
  EXPECT_EQ(history_.services()[0].steps.back().end_wall_ns, snapshot_.wall_ns);
}

TEST_F(HistoryTest, AServiceThatIsGoneIsForgottenAfterTheHour) {
  step();
  snapshot_.services.clear();
  step();
  EXPECT_EQ(history_.services().size(), 1u) << "it may be looked at yet";
  for (std::size_t i = 0; i < History::kSteps; ++i) step();
  EXPECT_TRUE(history_.services().empty());
}

TEST_F(HistoryTest, AServiceThatIsListedAgainCountsFromNothing) {
  step();
  step();
  service().created_ns = 2;
  service().busy_ns = {};
  service().idle_ns = 0;
  service().turns = {};
  step();
  EXPECT_FLOAT_EQ(history_.services()[0].steps.back().busy_seconds[index(Cause::network)], 3);
}

TEST_F(HistoryTest, WhereNoLoopLivedThereIsNoStep) {
  step();
  snapshot_.monotonic_ns += kStep;
  history_.add(snapshot_);
  EXPECT_EQ(history_.services()[0].steps.size(), 1u);
}

TEST_F(HistoryTest, ReadsLoopsEachMinuteAndForgetsThoseThatEnded) {
  for (std::size_t i = 0; i < 2 * History::kLoopSteps; ++i) step();
  ASSERT_EQ(history_.loops().size(), 1u);
  EXPECT_EQ(history_.loops().at({7, 8}), (std::deque<uint8_t>{30, 30}));
  service().loops.clear();
  for (std::size_t i = 0; i < History::kLoopSteps; ++i) step();
  EXPECT_TRUE(history_.loops().empty());
}

TEST_F(HistoryTest, HasRoomForSoManyServicesAndSaysWhatItLeavesOut) {
  snapshot_.services.resize(History::kMaxServices + 2);
  for (std::size_t i = 0; i < snapshot_.services.size(); ++i) {
    snapshot_.services[i].labels.process = std::to_string(i);
  }
  step();
  EXPECT_EQ(history_.services().size(), History::kMaxServices);
  EXPECT_EQ(history_.left_out(), 2u);
  // None that lives makes room for a new one, whichever comes first.
  std::rotate(snapshot_.services.begin(), snapshot_.services.end() - 2, snapshot_.services.end());
  step();
  EXPECT_EQ(history_.left_out(), 2u);
  EXPECT_EQ(history_.services()[0].steps.size(), 2u);
  // Those that end make room for those that live.
  snapshot_.services.erase(snapshot_.services.begin() + 2, snapshot_.services.begin() + 4);
  step();
  EXPECT_EQ(history_.services().size(), History::kMaxServices);
  EXPECT_EQ(history_.left_out(), 0u);
}

}  // namespace
}  // namespace loopstall::stalls
