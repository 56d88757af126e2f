// SPDX-License-Identifier: Apache-2.0
// Which wait is home: an answer is for one question about one epoll instance, and for no other.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "observer.h"
#include "victim.h"

namespace loopstall::bpf_test {
namespace {

using probes::Candidate;
using probes::Event;
using stalls::Cause;

/// asyncio asks for as many events as it watches descriptors, and its self-pipe is one of them.
/// The victims' private epolls watch nothing or one pipe and ask for the default, FD_SETSIZE - 1.
bool is_asyncio(const Event& event) {
  return std::get<Candidate>(event.what).max_events < 1000;
}

class Identity : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: it loads BPF programs";
    observer_ = std::make_unique<Observer>();
    ASSERT_EQ(observer_->error(), "");
    observer_->is_home = is_asyncio;
  }

  Victim start(const std::string& scenario) {
    Victim victim = Victim::python("epolls.py", {scenario});
    observer_->watch(victim.pid());
    EXPECT_EQ(victim.hear(), "started");
    return victim;
  }

  template <typename What>
  std::size_t count() const {
    return static_cast<std::size_t>(
        std::count_if(observer_->events.begin(), observer_->events.end(),
                      [](const Event& event) { return std::holds_alternative<What>(event.what); }));
  }

  std::unique_ptr<Observer> observer_;
};

/// The loops end before they are judged; their answers must not make a private epoll a home.
TEST_F(Identity, AnAnswerDoesNotPassToTheNextObjectAtItsAddress) {
  const Victim victim = start("short_loops");
  observer_->pump(4000);
  ASSERT_GT(count<Candidate>(), 20u);
  // A loop here lives for a millisecond: one that is fetched ends with its epoll, and no turn
  // lasts as long as the three private waits between two loops.
  for (const Event& event : observer_->events) {
    const auto* ended = std::get_if<probes::TurnEnded>(&event.what);
    if (ended == nullptr) continue;
    EXPECT_EQ(ended->cause_ns[stalls::index(Cause::sleep)], 0u)
        << "a private epoll's wait is in a turn of a loop that is over";
  }
  const auto account = observer_->account(victim.pid());
  ASSERT_TRUE(account);
  EXPECT_LT(account->turn_number, 30u) << "a loop of one turn or two lives on";
}

TEST_F(Identity, ALoopIsFoundAfterManyPrivateEpolls) {
  const Victim victim = start("rejected_then_home");
  EXPECT_TRUE(observer_->until_turns(victim.pid(), 20))
      << count<Candidate>() << " questions, but no loop within 20 s";
  const auto account = observer_->account(victim.pid());
  ASSERT_TRUE(account);
  EXPECT_GT(account->idle_ns, 20'000'000u);
}

/// A loop with a nested epoll from its first turn on is found once and stays found.
TEST_F(Identity, ANestedEpollDoesNotDisturbTheQuestion) {
  const Victim victim = start("alternating");
  ASSERT_TRUE(observer_->until_turns(victim.pid(), 50));
  EXPECT_LT(count<Candidate>(), 10u) << "each wait asks anew";
  const auto slot = observer_->slot_of(victim.pid());
  observer_->pump(300);
  EXPECT_EQ(observer_->slot_of(victim.pid()), slot) << "the loop was judged twice";
  const auto account = observer_->account(victim.pid());
  ASSERT_TRUE(account);
  EXPECT_GT(account->busy_ns[stalls::index(Cause::pipe)], account->idle_ns / 3)
      << "the private waits are not in the turns";
  EXPECT_EQ(count<probes::LoopEnded>(), 0u);
}

TEST_F(Identity, AHomeWaitByAnotherNumberIsTheSameHome) {
  observer_->is_home = [](const Event&) { return true; };
  const Victim victim = start("duplicated");
  ASSERT_TRUE(observer_->until_turns(victim.pid(), 5));
  const auto then = observer_->account(victim.pid());
  observer_->pump(500);
  const auto now = observer_->account(victim.pid());
  ASSERT_TRUE(then && now);
  const uint64_t life = now->accounted_ns - then->accounted_ns;
  EXPECT_GT(now->idle_ns - then->idle_ns, life / 2) << "every other home wait is taken for nested";
}

/// Time between two loops of one thread belongs to neither.
TEST_F(Identity, ALoopEndsWithItsEpoll) {
  const Victim victim = start("rerun");
  ASSERT_TRUE(observer_->until([&] { return observer_->slot_of(victim.pid()) == 1u; }));
  const auto first = observer_->probes().slots().read(0);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->activity, stalls::LoopActivity::ended);
  EXPECT_EQ(first->busy_ns[stalls::index(Cause::sleep)], 0u) << "the sleep after the loop counts";
  ASSERT_TRUE(observer_->until_turns(victim.pid(), 20));
  EXPECT_EQ(count<probes::LoopEnded>(), 1u);
}

/// Not a loop, ever: the questions must not become a load.
TEST_F(Identity, AnEpollPerCallDoesNotAskEachTime) {
  const Victim victim = start("one_epoll_per_call");
  ASSERT_TRUE(observer_->until([&] { return count<Candidate>() > 0; }));
  const std::size_t before = count<Candidate>();
  observer_->pump(3000);
  EXPECT_LT(count<Candidate>() - before, 300u) << "questions in 3 s";
}

}  // namespace
}  // namespace loopstall::bpf_test
