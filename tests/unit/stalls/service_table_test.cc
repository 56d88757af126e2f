// SPDX-License-Identifier: Apache-2.0
#include "stalls/service_table.h"

#include <gtest/gtest.h>

#include <random>

#include "known_stacks.h"
#include "stacks/attribution.h"

namespace loopstall::stalls {
namespace {

constexpr uint64_t kMadeNs = 5;

using testing::stack_of;
using testing::sum;

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSecond = 1'000 * kMs;
constexpr uint64_t kStart = 1'000 * kSecond;

loops::LoopLabels labels(std::string process) {
  loops::LoopLabels one;
  one.process = std::move(process);
  one.runtime = "asyncio";
  return one;
}

/// A loop in the kernel: what its account would say.
class FakeLoop {
 public:
  explicit FakeLoop(uint64_t birth_ns = kStart) {
    account_.activity = LoopActivity::idle;
    account_.birth_ns = account_.accounted_ns = now_ns_ = birth_ns;
  }

  uint64_t now_ns() const { return now_ns_; }
  LoopAccount& account() { return account_; }

  void idle(uint64_t ns) {
    account_.activity = LoopActivity::idle;
    account_.idle_ns += ns;
    move(ns);
  }
  void busy(Cause cause, uint64_t ns) {
    account_.activity = LoopActivity::running;
    account_.busy_ns[index(cause)] += ns;
    move(ns);
  }
  /// Off the CPU since now, for what it seems to be.
  void leave_cpu(Cause seeming) {
    account_.activity = LoopActivity::off_cpu;
    account_.current_cause = seeming;
  }
  void pass(uint64_t ns) { now_ns_ += ns; }
  /// The open span has ended, and this is what it was.
  BlockSample end_span(Cause cause, uint64_t blocked_ns, KnownStackPtr stack) {
    const uint64_t runqueue_ns = now_ns_ - account_.accounted_ns - blocked_ns;
    BlockSample block{
        account_.accounted_ns, blocked_ns, runqueue_ns, 0, cause, "recvfrom", "socket",
        std::move(stack)};
    account_.activity = LoopActivity::running;
    account_.busy_ns[index(cause)] += blocked_ns;
    account_.busy_ns[index(Cause::runqueue)] += runqueue_ns;
    account_.accounted_ns = now_ns_;
    return block;
  }

 private:
  void move(uint64_t ns) {
    now_ns_ += ns;
    account_.accounted_ns = now_ns_;
  }

  uint64_t now_ns_ = 0;
  LoopAccount account_;
};

class ServiceTableTest : public ::testing::Test {
 protected:
  void read(FakeLoop& loop, LoopLedger& ledger, KnownStackPtr seen = nullptr) {
    ledger.update(loop.account(), loop.now_ns(), seen);
  }
  /// Two more calls bring in the rest.
  void settle(FakeLoop& loop, LoopLedger& ledger) {
    read(loop, ledger);
    read(loop, ledger);
  }

  static uint64_t of_functions(const ServiceSnapshot& snapshot) {
    uint64_t total = 0;
    for (const FunctionSeries& series : snapshot.functions) total += series.busy_ns;
    return total;
  }
  static uint64_t of_function(const ServiceSnapshot& snapshot, std::string_view function,
                              Cause cause) {
    for (const FunctionSeries& series : snapshot.functions) {
      if (series.function == function && series.cause == cause) return series.busy_ns;
    }
    return 0;
  }

  ServiceTable table_{FunctionLimits{}, 5'000};
};

TEST_F(ServiceTableTest, OneServicePerLabelSetAndReferencesStay) {
  Service& first = table_.service(labels("a"), kMadeNs);
  for (int i = 0; i < 100; ++i) table_.service(labels("b" + std::to_string(i)), kMadeNs);
  EXPECT_EQ(&first, &table_.service(labels("a"), kMadeNs));
  EXPECT_EQ(table_.all().size(), 101u);
  EXPECT_EQ(first.snapshot().labels.process, "a");
}

TEST_F(ServiceTableTest, WhatALoopGrewByIsAddedOnce) {
  LoopLedger ledger(table_.service(labels("a"), kMadeNs));
  FakeLoop loop;
  read(loop, ledger);
  loop.idle(3 * kMs);
  loop.busy(Cause::cpu, 2 * kMs);
  loop.account().stalls[index(Cause::cpu)] = 4;
  loop.account().stall_ns[index(Cause::cpu)] = 9;
  loop.account().ready_events = 5;
  loop.account().delayed_events = 6;
  loop.account().startup_ns = 7;
  loop.account().turns.observe(2 * kMs);
  loop.account().timer_lag.observe(3 * kMs);
  loop.account().syscalls = {{"recvfrom", 8}};
  for (int i = 0; i < 4; ++i) settle(loop, ledger);
  const ServiceSnapshot snapshot = table_.service(labels("a"), kMadeNs).snapshot();
  EXPECT_EQ(snapshot.idle_ns, 3 * kMs);
  EXPECT_EQ(snapshot.busy_ns[index(Cause::cpu)], 2 * kMs);
  EXPECT_EQ(snapshot.stalls[index(Cause::cpu)], 4u);
  EXPECT_EQ(snapshot.stall_ns[index(Cause::cpu)], 9u);
  EXPECT_EQ(snapshot.ready_events, 5u);
  EXPECT_EQ(snapshot.delayed_events, 6u);
  EXPECT_EQ(snapshot.startup_ns, 7u);
  EXPECT_EQ(snapshot.turns.count(), 1u);
  EXPECT_EQ(snapshot.turns.sum_ns, 2 * kMs);
  EXPECT_EQ(snapshot.timer_lag.count(), 1u);
  EXPECT_EQ(snapshot.timer_lag.sum_ns, 3 * kMs);
  ASSERT_EQ(snapshot.syscalls.size(), 1u);
  EXPECT_EQ(snapshot.syscalls[0].syscall, "recvfrom");
  EXPECT_EQ(snapshot.syscalls[0].blocked_ns, 8u);
}

TEST_F(ServiceTableTest, StacksAreKeptWhereThatIsAskedAndAddUp) {
  for (const bool keeps_stacks : {true, false}) {
    ServiceTable table{FunctionLimits{}, 5'000, keeps_stacks};
    Service& service = table.service(labels("a"), kMadeNs);
    LoopLedger ledger(service);
    FakeLoop loop;
    read(loop, ledger);
    const KnownStackPtr one = stack_of("ask"), other = stack_of("ask");
    for (const KnownStackPtr& stack : {one, other, one}) {
      loop.leave_cpu(Cause::network);
      loop.pass(3 * kMs);
      ledger.claim_block(loop.end_span(Cause::network, 3 * kMs, stack));
      loop.busy(Cause::cpu, kMs);
    }
    settle(loop, ledger);
    uint64_t total_ns = 0, of_one_ns = 0;
    for (const StackTime& time : service.stack_times().times) {
      total_ns += time.ns;
      if (time.stack == one && time.cause == Cause::network) of_one_ns += time.ns;
    }
    EXPECT_EQ(total_ns, keeps_stacks ? sum(service.snapshot().busy_ns) : 0);
    EXPECT_EQ(of_one_ns, keeps_stacks ? 6 * kMs : 0);
    EXPECT_EQ(of_function(service.snapshot(), "~other", Cause::network) +
                  of_function(service.snapshot(), "ask", Cause::network),
              9 * kMs)
        << "functions are the same";
  }
}

TEST_F(ServiceTableTest, TheCollectorsTimeIsTakenOutOfCpuAndNothingFalls) {
  Service& service = table_.service(labels("a"), kMadeNs);
  LoopLedger ledger(service);
  FakeLoop loop;
  read(loop, ledger);
  ByCause before{};
  for (int round = 0; round < 40; ++round) {
    loop.busy(Cause::cpu, 7 * kMs);
    // A tick claims more than the round's time, so its claim is met over several.
    const bool collects = round % 4 == 1;
    if (round % 2 == 0 || collects) {
      ledger.claim_tick({{},
                         collects ? reserved_stack(stacks::kGc) : stack_of("make"),
                         collects ? Cause::gc : Cause::cpu},
                        9 * kMs);
    }
    read(loop, ledger);
    const ServiceSnapshot now = service.snapshot();
    for (std::size_t cause = 0; cause < kCauseCount; ++cause) {
      ASSERT_GE(now.busy_ns[cause], before[cause]) << "round " << round << ", cause " << cause;
    }
    before = now.busy_ns;
  }
  for (int i = 0; i < 4; ++i) settle(loop, ledger);
  const ServiceSnapshot snapshot = service.snapshot();
  EXPECT_EQ(snapshot.busy_ns[index(Cause::gc)], 90 * kMs);
  EXPECT_EQ(snapshot.busy_ns[index(Cause::cpu)], 190 * kMs);
  EXPECT_EQ(of_function(snapshot, stacks::kGc, Cause::gc), 90 * kMs);
  EXPECT_EQ(of_function(snapshot, "make", Cause::gc), 0u);
}

TEST_F(ServiceTableTest, LoopsThatShareLabelsAddUpAndOutliveEachOther) {
  Service& service = table_.service(labels("a"), kMadeNs);
  {
    LoopLedger first(service);
    FakeLoop loop;
    loop.busy(Cause::network, 10 * kMs);
    loop.account().syscalls = {{"recvfrom", 10 * kMs}};
    settle(loop, first);
  }
  LoopLedger second(service), third(service);
  FakeLoop one(kStart + kSecond), other(kStart + kSecond);
  one.busy(Cause::network, 1 * kMs);
  one.account().syscalls = {{"recvfrom", 1 * kMs}};
  other.busy(Cause::cpu, 2 * kMs);
  settle(one, second);
  settle(other, third);
  const ServiceSnapshot snapshot = service.snapshot();
  EXPECT_EQ(snapshot.busy_ns[index(Cause::network)], 11 * kMs);
  EXPECT_EQ(snapshot.busy_ns[index(Cause::cpu)], 2 * kMs);
  EXPECT_EQ(snapshot.syscalls[0].blocked_ns, 11 * kMs);
}

TEST_F(ServiceTableTest, ATotalNeverDecreasesWhenASpanEndsAsSomethingElse) {
  LoopLedger ledger(table_.service(labels("a"), kMadeNs));
  FakeLoop loop;
  read(loop, ledger);
  loop.leave_cpu(Cause::network);
  loop.pass(5 * kSecond);
  settle(loop, ledger);
  EXPECT_EQ(table_.service(labels("a"), kMadeNs).snapshot().busy_ns[index(Cause::network)],
            5 * kSecond);
  ledger.claim_block(loop.end_span(Cause::network, 2 * kSecond, stack_of("ask")));
  settle(loop, ledger);
  ServiceSnapshot snapshot = table_.service(labels("a"), kMadeNs).snapshot();
  EXPECT_EQ(snapshot.busy_ns[index(Cause::network)], 5 * kSecond);
  EXPECT_EQ(snapshot.busy_ns[index(Cause::runqueue)], 0u) << "or more time than has passed";
  // Further waits fill the gap before anything is added, and bring the rest to light.
  loop.busy(Cause::network, 3 * kSecond);
  settle(loop, ledger);
  snapshot = table_.service(labels("a"), kMadeNs).snapshot();
  EXPECT_EQ(snapshot.busy_ns[index(Cause::network)], 5 * kSecond);
  EXPECT_EQ(snapshot.busy_ns[index(Cause::runqueue)], 3 * kSecond);
  loop.busy(Cause::network, kSecond);
  settle(loop, ledger);
  EXPECT_EQ(table_.service(labels("a"), kMadeNs).snapshot().busy_ns[index(Cause::network)],
            6 * kSecond);
}

TEST_F(ServiceTableTest, AHangIsClaimedWhileItLastsAndNotAgainAtItsEnd) {
  LoopLedger ledger(table_.service(labels("a"), kMadeNs));
  const auto hung = stack_of("hung");
  FakeLoop loop;
  read(loop, ledger);
  loop.leave_cpu(Cause::lock);
  for (int i = 0; i < 8; ++i) {
    loop.pass(500 * kMs);
    read(loop, ledger, hung);
  }
  ServiceSnapshot snapshot = table_.service(labels("a"), kMadeNs).snapshot();
  EXPECT_EQ(snapshot.busy_ns[index(Cause::lock)], 3'500 * kMs);
  EXPECT_EQ(of_functions(snapshot), 3'500 * kMs);
  EXPECT_GE(of_function(snapshot, "hung", Cause::lock), 3'000 * kMs);
  ledger.claim_block(loop.end_span(Cause::lock, 4 * kSecond, hung));
  settle(loop, ledger);
  loop.busy(Cause::lock, 10 * kSecond);  // seen by nobody: must not be met by a second claim
  settle(loop, ledger);
  snapshot = table_.service(labels("a"), kMadeNs).snapshot();
  EXPECT_EQ(snapshot.busy_ns[index(Cause::lock)], 14 * kSecond);
  EXPECT_LE(of_function(snapshot, "hung", Cause::lock), 4 * kSecond);
  EXPECT_EQ(of_function(snapshot, stacks::kUnsampled, Cause::lock), 10 * kSecond);
}

TEST_F(ServiceTableTest, AnEndSeenBeforeTheReadingIsCountedLeavesNothingToClaim) {
  LoopLedger ledger(table_.service(labels("a"), kMadeNs));
  const auto asks = stack_of("ask");
  FakeLoop loop;
  read(loop, ledger);
  loop.leave_cpu(Cause::network);
  loop.pass(2 * kSecond);
  read(loop, ledger, asks);  // counted at the next call
  ledger.claim_block(loop.end_span(Cause::network, 2 * kSecond, asks));
  settle(loop, ledger);
  loop.busy(Cause::network, 5 * kSecond);
  settle(loop, ledger);
  const ServiceSnapshot snapshot = table_.service(labels("a"), kMadeNs).snapshot();
  EXPECT_EQ(of_function(snapshot, "ask", Cause::network), 2 * kSecond);
}

TEST_F(ServiceTableTest, FunctionsAddUpToBusyTimeThroughAnyLife) {
  std::mt19937_64 random(31);
  Service& service = table_.service(labels("a"), kMadeNs);
  LoopLedger ledger(service);
  FakeLoop loop;
  std::vector<KnownStackPtr> stacks;
  for (int i = 0; i < 6; ++i) stacks.push_back(stack_of("f" + std::to_string(i)));
  const auto any = [&] { return stacks[random() % stacks.size()]; };
  ServiceSnapshot last = service.snapshot();
  uint64_t started_ns = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto cause = static_cast<Cause>(random() % kCauseCount);
    switch (random() % 5) {
      case 0:
        loop.idle(random() % (20 * kMs));
        break;
      case 1:
        loop.busy(cause, random() % (20 * kMs));
        break;
      case 2:
        ledger.claim_tick({{}, any()}, 10 * kMs);
        break;
      case 3: {
        loop.leave_cpu(cause);
        const uint64_t started = loop.now_ns();
        for (uint64_t n = random() % 6; n > 0; --n) {
          loop.pass(random() % (700 * kMs));
          read(loop, ledger, random() % 4 == 0 ? nullptr : any());
        }
        const uint64_t open_ns = loop.now_ns() - started;
        const auto is = static_cast<Cause>(random() % kCauseCount);
        const auto block = loop.end_span(is, open_ns == 0 ? 0 : random() % open_ns, any());
        if (random() % 8 != 0) ledger.claim_block(block);  // some are lost
        break;
      }
      default:
        read(loop, ledger, any());
    }
    if (i % 50 != 0) continue;
    const ServiceSnapshot now = service.snapshot();
    for (std::size_t j = 0; j < kCauseCount; ++j) ASSERT_GE(now.busy_ns[j], last.busy_ns[j]);
    ASSERT_GE(now.idle_ns, last.idle_ns);
    ASSERT_EQ(of_functions(now), sum(now.busy_ns));
    if (started_ns == 0) {
      started_ns = now.counted_until_ns - sum(now.busy_ns) - now.idle_ns;
    } else {
      ASSERT_EQ(sum(now.busy_ns) + now.idle_ns, now.counted_until_ns - started_ns);
    }
    uint64_t of_entries = 0;
    for (const EntrySeries& entry : now.entries) of_entries += entry.busy_ns;
    ASSERT_EQ(of_entries, sum(now.busy_ns));
    last = now;
  }
  EXPECT_GT(sum(last.busy_ns), 0u);
}

TEST_F(ServiceTableTest, FunctionsAndCausesAreInStepWithEventsThatComeLate) {
  // The block is drained after the reading that already holds its time.
  LoopLedger ledger(table_.service(labels("a"), kMadeNs));
  FakeLoop loop;
  read(loop, ledger);
  loop.leave_cpu(Cause::network);
  loop.pass(50 * kMs);
  const BlockSample block = loop.end_span(Cause::network, 50 * kMs, stack_of("ask"));
  read(loop, ledger);
  ledger.claim_block(block);
  settle(loop, ledger);
  ServiceSnapshot snapshot = table_.service(labels("a"), kMadeNs).snapshot();
  EXPECT_EQ(of_function(snapshot, stacks::kUnsampled, Cause::network), 0u);
}

TEST_F(ServiceTableTest, AWeightedBlockClaimsItsWeight) {
  LoopLedger ledger(table_.service(labels("a"), kMadeNs));
  FakeLoop loop;
  read(loop, ledger);
  loop.busy(Cause::network, 900 * kMs);
  loop.busy(Cause::runqueue, 300 * kMs);
  const auto ask = stack_of("ask");
  for (int i = 0; i < 4; ++i) {
    ledger.claim_block(
        {1u + i, 300'000, 100'000, 100 * kMs, Cause::network, "recvfrom", "socket", ask});
  }
  settle(loop, ledger);
  const ServiceSnapshot snapshot = table_.service(labels("a"), kMadeNs).snapshot();
  uint64_t network = 0, runqueue = 0;
  for (const FunctionSeries& series : snapshot.functions) {
    if (series.function == "~unsampled") network = 900 * kMs - series.busy_ns;
    if (series.function == "~machine") runqueue = series.busy_ns;
  }
  EXPECT_EQ(network, 300 * kMs);
  EXPECT_EQ(runqueue, 300 * kMs);
}

TEST_F(ServiceTableTest, ReservedFunctionsAreTheirOwnEntry) {
  LoopLedger ledger(table_.service(labels("a"), kMadeNs));
  FakeLoop loop;
  read(loop, ledger);
  ledger.claim_tick({{}, reserved_stack(stacks::kFramework)}, 10 * kMs);
  loop.busy(Cause::cpu, 10 * kMs);
  settle(loop, ledger);
  const ServiceSnapshot snapshot = table_.service(labels("a"), kMadeNs).snapshot();
  ASSERT_EQ(snapshot.entries.size(), 1u);
  EXPECT_EQ(snapshot.entries[0].entry, stacks::kFramework);
}

TEST(UtilizationWindow, IsTheShareOfTheLastMinute) {
  UtilizationWindow window;
  EXPECT_EQ(window.ratio(), 0);
  // Busy for five minutes, then idle: a minute later nothing is left of it.
  uint64_t busy_ns = 0, idle_ns = 0, now_ns = kStart;
  for (int i = 0; i < 1'200; ++i) window.add(now_ns += 250 * kMs, busy_ns += 250 * kMs, idle_ns);
  EXPECT_DOUBLE_EQ(window.ratio(), 1);
  for (int i = 0; i < 120; ++i) window.add(now_ns += 250 * kMs, busy_ns, idle_ns += 250 * kMs);
  EXPECT_NEAR(window.ratio(), 0.5, 0.03);
  EXPECT_NEAR(static_cast<double>(window.life_ns()), 60e9, 2e9);
  for (int i = 0; i < 124; ++i) window.add(now_ns += 250 * kMs, busy_ns, idle_ns += 250 * kMs);
  EXPECT_DOUBLE_EQ(window.ratio(), 0);
}

TEST(UtilizationWindow, AYoungLoopIsJudgedByItsWholeLife) {
  UtilizationWindow window;
  window.add(kStart, 0, 0);
  window.add(kStart + 400 * kMs, 100 * kMs, 300 * kMs);
  EXPECT_DOUBLE_EQ(window.ratio(), 0.25);
}

TEST(UtilizationWindow, FollowsALoopThatIsReadSeldom) {
  UtilizationWindow window;
  window.add(kStart, 0, 0);
  window.add(kStart + 300 * kSecond, 300 * kSecond, 0);
  window.add(kStart + 600 * kSecond, 300 * kSecond, 300 * kSecond);
  EXPECT_DOUBLE_EQ(window.ratio(), 0);
}

TEST(ServiceTable, EndsTheSeriesOfServicesWithoutLoopsAfterTheirGrace) {
  ServiceTable table({}, 100);
  const Service* kept = &table.service(labels("kept"), kMadeNs);
  table.service(labels("gone"), kMadeNs);
  table.expire({kept}, kStart);
  table.expire({kept}, kStart + 599 * kSecond);
  EXPECT_EQ(table.all().size(), 2u);
  table.expire({kept}, kStart + 600 * kSecond);
  ASSERT_EQ(table.all().size(), 1u);
  EXPECT_EQ(table.all().begin()->first, labels("kept"));
}

TEST(ServiceTable, BoundsServicesOfEverNewNames) {
  ServiceTable table({}, 100);
  for (int i = 0; i < 10'000; ++i) {
    table.service(labels("script" + std::to_string(i)), kMadeNs);
    table.expire({}, kStart + static_cast<uint64_t>(i));
    ASSERT_LE(table.all().size(), 200u);
  }
  EXPECT_TRUE(table.all().contains(labels("script9999"))) << "the oldest go first";
}

TEST(ServiceTable, AnEndedServiceGivesItsSeriesBack) {
  ServiceTable table({}, 1);
  const BusyShare share{{"f", "f.py", "f"}, Cause::cpu, kSecond};
  table.service(labels("first"), kMadeNs).functions().add_busy(share, kStart);
  table.expire({}, kStart);
  table.expire({}, kStart + 601 * kSecond);
  FunctionTable& second = table.service(labels("second"), kMadeNs).functions();
  second.add_busy(share, kStart);
  ASSERT_EQ(second.functions().size(), 1u);
  EXPECT_EQ(second.functions()[0].function, "f");
}

TEST_F(ServiceTableTest, AServiceKnowsWhenItWasMade) {
  EXPECT_EQ(table_.service(labels("a"), 7).snapshot().created_ns, 7u);
  EXPECT_EQ(table_.service(labels("a"), 9).snapshot().created_ns, 7u);
}

TEST_F(ServiceTableTest, SeriesOfFunctionsAreCountedAgainstTheNodesBound) {
  EXPECT_EQ(table_.function_series().used, 0u);
  const uint64_t limit = table_.function_series().limit;
  FunctionTable& functions = table_.service(labels("a"), kMadeNs).functions();
  Hold hold;
  hold.stack = testing::stack_of("f");
  hold.cause = Cause::network;
  hold.hold_ns = 20'000'000;
  functions.observe_hold(hold, "", 1);
  EXPECT_EQ(table_.function_series().used, 1u);
  EXPECT_EQ(table_.function_series().limit, limit);
  table_.expire({}, kMadeNs);
  table_.expire({}, kMadeNs + 601 * kSecond);
  EXPECT_EQ(table_.function_series().used, 0u) << "given back with the service";
}

}  // namespace
}  // namespace loopstall::stalls
