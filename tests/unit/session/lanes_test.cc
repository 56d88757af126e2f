// SPDX-License-Identifier: Apache-2.0
#include "session/lanes.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace loopstall::session {
namespace {

using namespace std::chrono_literals;

/// A job that hangs until the gate opens.
class Gate {
 public:
  Lanes::Job job() const {
    return [state = state_] {
      std::unique_lock lock(state->mutex);
      state->entered = true;
      state->changed.notify_all();
      state->changed.wait(lock, [&] { return state->is_open; });
    };
  }

  void wait_until_entered() const {
    std::unique_lock lock(state_->mutex);
    ASSERT_TRUE(state_->changed.wait_for(lock, 10s, [&] { return state_->entered; }));
  }

  void open() const {
    const std::lock_guard lock(state_->mutex);
    state_->is_open = true;
    state_->changed.notify_all();
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool entered = false;
    bool is_open = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// Whether `holds` does within ten seconds, with the lanes looked after meanwhile.
template <typename Condition>
bool soon(Lanes& lanes, Condition holds) {
  for (int attempt = 0; attempt < 1'000 && !holds(); ++attempt) {
    lanes.relieve();
    std::this_thread::sleep_for(10ms);
  }
  return holds();
}

constexpr Lanes::Limits kThree{3, 20'000'000};

TEST(Lanes, RunAKeysJobsInTheirOrderOneAtATime) {
  std::vector<int> order;  // unguarded: the key's jobs are never in two threads
  std::atomic<bool> done = false;
  Lanes lanes(base::system_clock(), kThree);
  for (int i = 0; i < 1'000; ++i) lanes.post(7, [&order, i] { order.push_back(i); });
  lanes.post(7, [&] { done = true; });
  ASSERT_TRUE(soon(lanes, [&] { return done.load(); }));
  ASSERT_EQ(order.size(), 1'000);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(order[i], i);
}

TEST(Lanes, AreOneThreadWhileNothingHangs) {
  std::atomic<int> done = 0;
  Lanes lanes(base::system_clock(), kThree);
  for (uint32_t key = 0; key < 100; ++key) lanes.post(key, [&] { ++done; });
  ASSERT_TRUE(soon(lanes, [&] { return done == 100; }));
  EXPECT_EQ(lanes.threads(), 1);
}

TEST(Lanes, AJobThatHangsDelaysItsOwnKeyOnly) {
  const Gate gate;
  std::atomic<bool> other = false, behind = false;
  Lanes lanes(base::system_clock(), kThree);
  lanes.post(1, gate.job());
  gate.wait_until_entered();
  lanes.post(1, [&] { behind = true; });
  lanes.post(2, [&] { other = true; });
  ASSERT_TRUE(soon(lanes, [&] { return other.load(); }));
  EXPECT_EQ(lanes.threads(), 2);
  EXPECT_EQ(lanes.running_longer(1'000'000), std::vector<uint32_t>{1});
  EXPECT_TRUE(lanes.running_longer(600'000'000'000).empty());
  EXPECT_EQ(lanes.waiting(1), 1);
  EXPECT_FALSE(behind);
  gate.open();
  EXPECT_TRUE(soon(lanes, [&] { return behind.load(); }));
  EXPECT_TRUE(soon(lanes, [&] { return lanes.threads() == 1; }));
  EXPECT_EQ(lanes.waiting(), 0);
}

TEST(Lanes, KeysTakeTurns) {
  std::mutex mutex;
  std::vector<uint32_t> order;
  const Gate gate;
  Lanes lanes(base::system_clock(), {1, 20'000'000});
  lanes.post(0, gate.job());
  gate.wait_until_entered();
  for (const uint32_t key : {1, 1, 1, 2}) {
    lanes.post(key, [&, key] {
      const std::lock_guard lock(mutex);
      order.push_back(key);
    });
  }
  gate.open();
  ASSERT_TRUE(soon(lanes, [&] {
    const std::lock_guard lock(mutex);
    return order.size() == 4;
  }));
  EXPECT_EQ(order, (std::vector<uint32_t>{1, 2, 1, 1}));
}

TEST(Lanes, HaveNoMoreThreadsThanTheirLimit) {
  std::vector<Gate> gates(4);
  Lanes lanes(base::system_clock(), kThree);
  for (uint32_t key = 0; key < 4; ++key) lanes.post(key, gates[key].job());
  ASSERT_TRUE(soon(lanes, [&] { return lanes.threads() == 3; }));
  std::this_thread::sleep_for(50ms);
  lanes.relieve();
  EXPECT_EQ(lanes.threads(), 3);
  EXPECT_EQ(lanes.waiting(), 1);
  gates[0].open();
  gates[3].wait_until_entered();
  for (const Gate& gate : gates) gate.open();
  EXPECT_TRUE(soon(lanes, [&] { return lanes.threads() == 1; }));
}

TEST(Lanes, LeaveWhatHangsBehind) {
  const Gate gate;
  const auto begun = std::chrono::steady_clock::now();
  auto own = std::make_shared<int>(1);
  std::weak_ptr<int> owned = own;
  {
    Lanes lanes(base::system_clock(), kThree);
    lanes.post(1, [hang = gate.job(), own = std::move(own)] { hang(); });
    gate.wait_until_entered();
    lanes.post(1, [] { FAIL() << "it waited behind the one that hangs"; });
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
  EXPECT_FALSE(owned.expired());
  gate.open();
  for (int attempt = 0; attempt < 1'000 && !owned.expired(); ++attempt) {
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_TRUE(owned.expired());
}

}  // namespace
}  // namespace loopstall::session
