// SPDX-License-Identifier: Apache-2.0
// When nobody empties the ring, events are lost and counted, and the account goes on.
#include <gtest/gtest.h>
#include <unistd.h>

#include <numeric>

#include "observer.h"
#include "victim.h"

namespace loopstall::bpf_test {
namespace {

TEST(Ring, WhenFullLosesOnlyEventsAndCountsThem) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: it loads BPF programs";
  probes::ProbeOptions options;
  options.min_block_ns = 1;  // every block is sent: 4 MiB are full within seconds
  Observer observer(options);
  ASSERT_EQ(observer.error(), "");
  const Victim victim = Victim::python("scenarios.py", {"short_sleeps"});
  observer.watch(victim.pid());
  ASSERT_TRUE(observer.until_turns(victim.pid(), 10));
  observer.pump(1);
  const uint64_t before = observer.lost("block");
  ASSERT_EQ(before, 0u);

  uint64_t readings = 0;
  const uint64_t deadline = observer.now_ns() + 60'000'000'000;
  while (observer.lost("block") < 1000 && observer.now_ns() < deadline) {
    usleep(1000);  // the consumer is held up
    const auto now = observer.account(victim.pid());
    if (!now) continue;
    ++readings;
    const uint64_t busy = std::accumulate(now->busy_ns.begin(), now->busy_ns.end(), uint64_t{0});
    ASSERT_EQ(busy + now->idle_ns, now->accounted_ns - now->birth_ns);
  }
  EXPECT_GE(observer.lost("block"), 1000u);
  EXPECT_GT(observer.lost("turn_end"), 0u);
  EXPECT_GT(readings, 100u);

  // Once it is emptied, events come again, and each that was lost has been counted.
  observer.pump(50);
  observer.events.clear();
  const uint64_t lost = observer.lost("block");
  const auto then = observer.account(victim.pid());
  observer.pump(500);
  EXPECT_EQ(observer.lost("block"), lost);
  EXPECT_GT(observer.events.size(), 100u);
  const auto now = observer.account(victim.pid());
  ASSERT_TRUE(then && now);
  EXPECT_GT(now->turn_number, then->turn_number);
}

}  // namespace
}  // namespace loopstall::bpf_test
