// SPDX-License-Identifier: Apache-2.0
// The account of a loop holds to the nanosecond whatever happens to its thread.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <variant>

#include "observer.h"
#include "victim.h"

namespace loopstall::bpf_test {
namespace {

using stalls::Cause;
using stalls::LoopAccount;
using stalls::LoopActivity;

uint64_t sum(const stalls::ByCause& values) {
  return std::accumulate(values.begin(), values.end(), uint64_t{0});
}

uint64_t busy(const LoopAccount& account, Cause cause) {
  return account.busy_ns[stalls::index(cause)];
}

/// The two laws, to the nanosecond, of any reading at any instant.
void expect_conserved(const LoopAccount& now) {
  ASSERT_EQ(sum(now.busy_ns) + now.idle_ns, now.accounted_ns - now.birth_ns)
      << "busy and idle are not the loop's life";
  const bool in_turn = now.turn_start_ns != 0;
  const uint64_t open_ns = in_turn ? now.accounted_ns - now.turn_start_ns : 0;
  ASSERT_EQ(now.turns.sum_ns + now.startup_ns + open_ns, sum(now.busy_ns))
      << "the turns are not the busy time";
}

void expect_later(const LoopAccount& before, const LoopAccount& now) {
  ASSERT_GE(now.accounted_ns, before.accounted_ns);
  ASSERT_GE(now.idle_ns, before.idle_ns);
  ASSERT_GE(now.turn_number, before.turn_number);
  for (std::size_t i = 0; i < stalls::kCauseCount; ++i) {
    ASSERT_GE(now.busy_ns[i], before.busy_ns[i]) << "cause " << i;
  }
}

class Accounts : public testing::TestWithParam<probes::BoundaryHook> {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: it loads BPF programs";
    probes::ProbeOptions options;
    options.hook = GetParam();
    observer_ = std::make_unique<Observer>(options);
    ASSERT_EQ(observer_->error(), "");
  }

  Victim start(const std::string& scenario) {
    Victim victim = Victim::python("scenarios.py", {scenario});
    observer_->watch(victim.pid());
    EXPECT_EQ(victim.hear(), "started");
    return victim;
  }

  /// Watches the loop for `ms`, doing `meanwhile` every 20 ms; all readings must be conserved.
  /// Returns what the last reading has more than the first.
  LoopAccount watch(const Victim& victim, int ms, const std::function<void(int)>& meanwhile = {}) {
    auto first = observer_->account(victim.pid());
    LoopAccount last = first.value_or(LoopAccount{});
    EXPECT_TRUE(first);
    for (int step = 0; step < ms / 20 && !HasFatalFailure(); ++step) {
      if (meanwhile) meanwhile(step);
      observer_->pump(20);
      for (int i = 0; i < 200 && !HasFatalFailure(); ++i) {
        const auto now = observer_->account(victim.pid());
        if (!now) continue;
        expect_conserved(*now);
        if (!HasFatalFailure()) expect_later(last, *now);
        last = *now;
      }
    }
    LoopAccount change = last;
    if (!first) return change;
    for (std::size_t i = 0; i < stalls::kCauseCount; ++i) change.busy_ns[i] -= first->busy_ns[i];
    change.idle_ns -= first->idle_ns;
    change.turn_number -= first->turn_number;
    return change;
  }

  /// Blocks of that cause that came with a stack.
  uint64_t stacks_sent(Cause cause) const {
    return static_cast<uint64_t>(std::count_if(
        observer_->events.begin(), observer_->events.end(), [&](const probes::Event& event) {
          const auto* block = std::get_if<probes::BlockEnded>(&event.what);
          return block != nullptr && block->cause == cause && !block->stack.frames.empty();
        }));
  }

  std::unique_ptr<Observer> observer_;
};

TEST_P(Accounts, HoldForAPlainLoop) {
  const Victim victim = start("plain");
  ASSERT_TRUE(observer_->until_turns(victim.pid(), 5));
  const LoopAccount change = watch(victim, 1000);
  EXPECT_GT(change.turn_number, 50u);
  EXPECT_GT(busy(change, Cause::cpu), 0u);
  EXPECT_GT(change.idle_ns, 100'000'000u);
}

/// Both ways of the programs through a turn's boundaries, as they come.
TEST_P(Accounts, HoldForAServingLoop) {
  const Victim victim = start("serving");
  const auto serves = [&] {
    const auto now = observer_->account(victim.pid());
    return now && now->serving;
  };
  ASSERT_TRUE(observer_->until(serves));
  const LoopAccount first = *observer_->account(victim.pid());
  watch(victim, 1500);
  observer_->pump(20);
  const auto last = observer_->account(victim.pid());
  ASSERT_TRUE(last);
  const uint64_t turns = last->turn_number - first.turn_number;
  EXPECT_GT(turns, 5000u);
  // The turn that a reading finds open is not in the histogram yet.
  EXPECT_NEAR(static_cast<double>(last->turns.count() - first.turns.count()),
              static_cast<double>(turns), 1);
  EXPECT_GT(last->turns.buckets[0] - first.turns.buckets[0], turns * 9 / 10);
  uint64_t told = 0;
  const uint64_t rounds = turns / 53;
  EXPECT_GT(busy(*last, Cause::sleep) - busy(first, Cause::sleep), rounds * 2'000'000 * 9 / 10);
  EXPECT_GT(last->idle_ns - first.idle_ns, rounds * 1'500'000);
  // Those that were told of have nothing left of the plain ones before them.
  for (const probes::Event& event : observer_->events) {
    const auto* turn = std::get_if<probes::TurnEnded>(&event.what);
    if (turn == nullptr) continue;
    ++told;
    ASSERT_EQ(sum(turn->cause_ns), event.origin.time_ns - turn->start_ns);
  }
  EXPECT_GE(told, rounds - 1);
}

TEST_P(Accounts, HoldBesideACompetitorForTheCpu) {
  const Victim victim = start("plain");
  ASSERT_TRUE(observer_->until_turns(victim.pid(), 5));
  const Victim hog = Victim::hog();
  victim.pin_to(0);
  hog.pin_to(0);
  const LoopAccount change = watch(victim, 1500);
  EXPECT_GT(busy(change, Cause::runqueue), 20'000'000u);
  EXPECT_GT(busy(change, Cause::cpu), 20'000'000u);
  // It lost its CPU hundreds of times, mostly in turns too young for anybody to ask where.
  EXPECT_LE(stacks_sent(Cause::runqueue), 20u);
}

TEST_P(Accounts, HoldAtEachLevelOfDetail) {
  using stalls::Detail;
  const Victim victim = start("short_sleeps");
  ASSERT_TRUE(observer_->until_turns(victim.pid(), 5));
  for (const Detail detail : {Detail::full, Detail::fewer_stacks, Detail::no_stacks, Detail::turns,
                              Detail::no_stacks, Detail::full}) {
    SCOPED_TRACE(stalls::detail_name(detail));
    ASSERT_TRUE(observer_->probes().set_detail(detail));
    watch(victim, 100);  // the turn that was under way
    observer_->events.clear();
    const LoopAccount change = watch(victim, 400);
    EXPECT_GT(change.turn_number, 20u);
    const uint64_t known = busy(change, Cause::sleep) + busy(change, Cause::cpu);
    if (detail == Detail::turns) {
      EXPECT_EQ(known, 0u);
      EXPECT_GT(busy(change, Cause::other), sum(change.busy_ns) / 2);
    } else {
      EXPECT_GT(busy(change, Cause::sleep), sum(change.busy_ns) / 10);
      EXPECT_LT(busy(change, Cause::other), sum(change.busy_ns) / 100);
    }
    const bool has_stacks = detail == Detail::full || detail == Detail::fewer_stacks;
    EXPECT_EQ(stacks_sent(Cause::sleep) > 0, has_stacks);
  }
}

TEST_P(Accounts, HoldWhileStoppedAndContinued) {
  const Victim victim = start("plain");
  ASSERT_TRUE(observer_->until_turns(victim.pid(), 5));
  const LoopAccount change = watch(victim, 1600, [&](int step) {
    if (step % 16 == 0) victim.signal(SIGSTOP);
    if (step % 16 == 8) victim.signal(SIGCONT);
  });
  // Five stops of 160 ms; the last may end after the last reading.
  EXPECT_GT(busy(change, Cause::stopped), 4 * 150'000'000u);
  EXPECT_EQ(sum(change.stalls), 0u) << "to be stopped is no stall";
}

TEST_P(Accounts, HoldUnderSignalsWithHandlers) {
  const Victim victim = start("interrupted");
  ASSERT_TRUE(observer_->until_turns(victim.pid(), 5));
  const LoopAccount change = watch(victim, 1500);
  // Resumed sleeps and polls keep their causes.
  EXPECT_GT(busy(change, Cause::sleep), 100'000'000u);
  EXPECT_GT(busy(change, Cause::pipe), 100'000'000u);
  EXPECT_LT(busy(change, Cause::other), sum(change.busy_ns) / 100);
}

TEST_P(Accounts, HoldAcrossForkAndVfork) {
  const Victim victim = start("forking");
  ASSERT_TRUE(observer_->until_turns(victim.pid(), 5));
  const LoopAccount change = watch(victim, 1500);
  EXPECT_GT(busy(change, Cause::process), 20'000'000u);
}

TEST_P(Accounts, HoldAcrossMigrations) {
  if (sysconf(_SC_NPROCESSORS_ONLN) < 2) GTEST_SKIP() << "needs two CPUs";
  const Victim victim = start("plain");
  ASSERT_TRUE(observer_->until_turns(victim.pid(), 5));
  watch(victim, 1500, [&](int step) { victim.pin_to(step % 2); });
}

TEST_P(Accounts, HoldUnderThreadsAndLocks) {
  const Victim victim = start("contended");
  ASSERT_TRUE(observer_->until_turns(victim.pid(), 5));
  const LoopAccount change = watch(victim, 1500);
  EXPECT_GT(busy(change, Cause::gil), 5'000'000u);
  EXPECT_GT(busy(change, Cause::lock), 0u);
}

TEST_P(Accounts, HoldWithNestedWaits) {
  const Victim victim = start("nested");
  ASSERT_TRUE(observer_->until_turns(victim.pid(), 5));
  const LoopAccount change = watch(victim, 1000);
  EXPECT_GT(busy(change, Cause::pipe), 100'000'000u);
  EXPECT_GT(change.idle_ns, 50'000'000u);
}

/// A loop that hung when the agent came: its turn is shown from the seed on, as far as it goes.
TEST_P(Accounts, BeginInMidTurn) {
  for (const auto& [scenario, cause] :
       {std::pair{"sleeping", Cause::sleep}, std::pair{"spinning", Cause::cpu}}) {
    SCOPED_TRACE(scenario);
    Victim victim = Victim::python("scenarios.py", {scenario});
    victim.hear();
    int home = -1;
    ASSERT_TRUE(observer_->until([&] { return (home = only_epoll(victim.pid())) >= 0; }));
    observer_->pump(100);
    ASSERT_TRUE(observer_->describe_now(victim.pid()));
    observer_->seed(victim.pid(), home, cause, true);
    // Stops it for a moment, so that its own context switches take the loop over; and once more,
    // for a span is settled at the next event, and who spins on an idle machine has none.
    const LoopAccount change = watch(victim, 1000, [&](int step) {
      if (step == 5 || step == 30) victim.signal(SIGSTOP);
      if (step == 10 || step == 31) victim.signal(SIGCONT);
    });
    EXPECT_TRUE(change.turn_at_least);
    EXPECT_EQ(change.idle_ns, 0u);
    EXPECT_NEAR(static_cast<double>(busy(change, Cause::stopped)), 100e6, 60e6);
  }
}

TEST_P(Accounts, BeginInMidWait) {
  Victim victim = Victim::python("scenarios.py", {"waiting"});
  victim.hear();
  int home = -1;
  ASSERT_TRUE(observer_->until([&] { return (home = only_epoll(victim.pid())) >= 0; }));
  observer_->pump(300);
  ASSERT_TRUE(observer_->describe_now(victim.pid()));
  observer_->seed(victim.pid(), home, Cause::other, false);
  const LoopAccount change = watch(victim, 1000, [&](int step) {
    if (step == 20) victim.signal(SIGSTOP);
    if (step == 25) victim.signal(SIGCONT);
  });
  EXPECT_GE(change.turn_number, 1u);
  EXPECT_FALSE(change.turn_at_least);
  EXPECT_NEAR(static_cast<double>(change.idle_ns), 400e6, 200e6);
}

/// More than a million readings of a loop that writes all the time.
TEST_P(Accounts, AreNeverReadTorn) {
  const Victim victim = start("saturated");
  ASSERT_TRUE(observer_->until_turns(victim.pid(), 100));
  const LoopAccount first = *observer_->account(victim.pid());
  LoopAccount last = first;
  uint64_t readings = 0, given_up = 0, different = 0;
  const uint64_t deadline = observer_->now_ns() + 60'000'000'000;
  // Readings count once the account moves on: between two turns there is nothing to tear.
  while ((readings < 1'100'000 || different < 30'000) && !HasFatalFailure()) {
    if ((readings + given_up) % 10'000 == 0) observer_->pump(1);
    ASSERT_LT(observer_->now_ns(), deadline)
        << readings << " readings, " << given_up << " given up: reader or writer starves";
    const auto now = observer_->account(victim.pid());
    if (!now) {
      ++given_up;
      continue;
    }
    ++readings;
    different += now->accounted_ns != last.accounted_ns;
    expect_conserved(*now);
    if (!HasFatalFailure()) expect_later(last, *now);
    last = *now;
  }
  EXPECT_LT(given_up, readings / 100);
  std::printf("%lu readings, %lu different, %lu given up, %lu turns\n", readings, different,
              given_up, last.turn_number - first.turn_number);
}

std::string name_of(const testing::TestParamInfo<probes::BoundaryHook>& info) {
  return info.param == probes::BoundaryHook::tracepoint ? "Tracepoint" : "TpBtf";
}

INSTANTIATE_TEST_SUITE_P(Hooks, Accounts,
                         testing::Values(probes::BoundaryHook::tracepoint,
                                         probes::BoundaryHook::tp_btf),
                         name_of);

}  // namespace
}  // namespace loopstall::bpf_test
