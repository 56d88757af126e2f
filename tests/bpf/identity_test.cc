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
using probes::LoopUnheard;
using stalls::Cause;

/// asyncio asks for as many events as it watches descriptors, and its self-pipe is one of them.
/// The victims' private epolls watch nothing or one pipe and ask for the default, FD_SETSIZE - 1.
bool is_asyncio(const Event& event) { return std::get<Candidate>(event.what).max_events < 1000; }

class Identity : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: it loads BPF programs";
    observer_ = std::make_unique<Observer>();
    ASSERT_EQ(observer_->error(), "");
    observer_->is_home = is_asyncio;
  }

  Victim start(const std::string& scenario, const std::string& detail = "") {
    Victim victim = Victim::python("epolls.py", {scenario, detail});
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

/// The loops end before they are judged; no answer may be taken for a later question, although the
/// next epolls of the thread have the same numbers and addresses.
TEST_F(Identity, AnAnswerIsForItsQuestionOnly) {
  observer_->answer_delay_ns = 3'000'000;
  const Victim victim = start("short_loops");
  observer_->pump(4000);
  ASSERT_GT(observer_->accepted.size(), 10u);
  for (const Observer::Accepted& answer : observer_->accepted) {
    const auto account = observer_->probes().slots().read(answer.slot);
    ASSERT_TRUE(account);
    const bool was_taken = account->turn_number != 0 || account->birth_ns != answer.asked_ns ||
                           account->activity == stalls::LoopActivity::ended;
    if (!was_taken) continue;
    // A loop's life begins with the wait at which its answer was taken.
    for (const Event& event : observer_->events) {
      const auto* other = std::get_if<Candidate>(&event.what);
      if (other == nullptr || other->question == answer.question) continue;
      EXPECT_FALSE(event.origin.time_ns > answer.asked_ns &&
                   event.origin.time_ns <= account->birth_ns)
          << "slot " << answer.slot << " went to a wait that was asked about later";
    }
  }
}

/// Nobody else knows what a loop did that was over before its answer came.
TEST_F(Identity, ALoopThatNeverHeardTellsItsAccount) {
  observer_->answer_delay_ns = 3'000'000'000;
  const Victim victim = start("short_loops");
  ASSERT_TRUE(observer_->until([&] { return count<LoopUnheard>() >= 10; }));
  for (const Event& event : observer_->events) {
    const auto* unheard = std::get_if<LoopUnheard>(&event.what);
    if (unheard == nullptr) continue;
    const auto asked =
        std::find_if(observer_->events.begin(), observer_->events.end(), [&](const Event& other) {
          const auto* candidate = std::get_if<Candidate>(&other.what);
          return candidate != nullptr && candidate->question == unheard->question;
        });
    ASSERT_NE(asked, observer_->events.end());
    if (!is_asyncio(*asked)) continue;
    const uint64_t busy =
        std::accumulate(unheard->busy_ns.begin(), unheard->busy_ns.end(), uint64_t{0});
    EXPECT_EQ(busy + unheard->idle_ns, event.origin.time_ns - unheard->question);
    EXPECT_GT(unheard->idle_ns, 100'000u) << "it slept 200 us";
    EXPECT_GT(busy, 10'000u);
  }
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
  observer_->answer_delay_ns = 200'000'000;
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
  for (const std::string first : {"own", "other"}) {
    SCOPED_TRACE(first);
    const Victim victim = start("duplicated", first);
    ASSERT_TRUE(observer_->until_turns(victim.pid(), 5));
    const auto then = observer_->account(victim.pid());
    observer_->pump(500);
    const auto now = observer_->account(victim.pid());
    ASSERT_TRUE(then && now);
    const uint64_t life = now->accounted_ns - then->accounted_ns;
    EXPECT_GT(now->idle_ns - then->idle_ns, life / 2) << "a home wait is taken for nested";
  }
}

/// Time between two loops of one thread belongs to neither.
TEST_F(Identity, ALoopEndsWithItsEpoll) {
  Victim victim = start("rerun");
  ASSERT_TRUE(observer_->until_turns(victim.pid(), 10));
  const uint32_t slot = *observer_->slot_of(victim.pid());
  victim.tell("end");
  ASSERT_TRUE(observer_->until([&] { return observer_->slot_of(victim.pid()) != slot; }));
  const auto first = observer_->probes().slots().read(slot);
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
