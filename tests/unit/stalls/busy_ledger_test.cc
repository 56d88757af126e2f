// SPDX-License-Identifier: Apache-2.0
#include "stalls/busy_ledger.h"

#include <gtest/gtest.h>

#include <random>
#include <utility>

#include "known_stacks.h"
#include "stacks/attribution.h"

namespace loopstall::stalls {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kTickNs = 10'101'010;

BusyOwner named(const std::string& function) { return {function, "app.py", "endpoint"}; }

ByCause only(Cause cause, uint64_t ns) {
  ByCause by_cause{};
  by_cause[index(cause)] = ns;
  return by_cause;
}

ByCause total(const std::vector<BusyShare>& shares) {
  ByCause all{};
  for (const BusyShare& share : shares) all[index(share.cause)] += share.ns;
  return all;
}

/// gc is a share of cpu.
ByCause with_gc_in_cpu(ByCause by_cause) {
  by_cause[index(Cause::cpu)] += std::exchange(by_cause[index(Cause::gc)], 0);
  return by_cause;
}

class Totals {
 public:
  void add(const std::vector<BusyShare>& shares) {
    for (const BusyShare& share : shares) ns_[share.owner.function] += share.ns;
  }
  uint64_t of(std::string_view function) const {
    const auto found = ns_.find(function);
    return found == ns_.end() ? 0 : found->second;
  }

 private:
  std::map<std::string, uint64_t, std::less<>> ns_;
};

TEST(BusyLedger, TheCollectorsShareIsMetFromCpu) {
  BusyLedger ledger;
  const ByCause cpu = only(Cause::cpu, 100 * kMs);
  for (int tick = 0; tick < 6; ++tick) ledger.claim(named("~gc"), Cause::gc, 20 * kMs);
  for (int tick = 0; tick < 4; ++tick) ledger.claim(named("make"), Cause::cpu, 20 * kMs);
  auto shares = ledger.settle(cpu);
  EXPECT_EQ(total(shares)[index(Cause::gc)], 60 * kMs);
  EXPECT_EQ(total(shares)[index(Cause::cpu)], 40 * kMs);
  // Claims beyond the time there was are met from what comes.
  shares = ledger.settle(only(Cause::cpu, 200 * kMs));
  EXPECT_EQ(total(shares)[index(Cause::gc)], 60 * kMs);
  EXPECT_EQ(total(shares)[index(Cause::cpu)], 140 * kMs);
  Totals totals;
  totals.add(shares);
  EXPECT_EQ(totals.of(stacks::kUnsampled), 100 * kMs);
}

TEST(BusyLedger, MeetsClaimsAndLeavesTheRestUnsampled) {
  BusyLedger ledger;
  ledger.claim(named("ask"), Cause::network, 3 * kMs);
  Totals totals;
  totals.add(ledger.settle(only(Cause::network, 10 * kMs)));
  EXPECT_EQ(totals.of("ask"), 3 * kMs);
  EXPECT_EQ(totals.of(stacks::kUnsampled), 7 * kMs);
}

TEST(BusyLedger, WhatTheMachineTookIsTheMachinesWhoeverClaimsIt) {
  BusyLedger ledger;
  Totals totals;
  for (const Cause cause : {Cause::runqueue, Cause::throttled, Cause::stopped}) {
    ledger.claim(named("ask"), cause, kMs);
    totals.add(ledger.settle(only(cause, kMs)));
  }
  EXPECT_EQ(totals.of("ask"), 0u);
  EXPECT_EQ(totals.of(stacks::kMachine), 3 * kMs);
}

TEST(BusyLedger, ClaimsBeyondTheTimeThereIsWaitForMore) {
  BusyLedger ledger;
  ledger.claim(named("compute"), Cause::cpu, kTickNs);
  Totals totals;
  totals.add(ledger.settle(only(Cause::cpu, 4 * kMs)));
  EXPECT_EQ(totals.of("compute"), 4 * kMs);
  totals.add(ledger.settle(only(Cause::cpu, 20 * kMs)));
  EXPECT_EQ(totals.of("compute"), kTickNs);
  EXPECT_EQ(totals.of(stacks::kUnsampled), 24 * kMs - kTickNs);
}

TEST(BusyLedger, ClaimsOfOneCauseDoNotTakeTheTimeOfAnother) {
  BusyLedger ledger;
  ledger.claim(named("compute"), Cause::cpu, 10 * kMs);
  Totals totals;
  totals.add(ledger.settle(only(Cause::network, 10 * kMs)));
  EXPECT_EQ(totals.of("compute"), 0u);
}

TEST(BusyLedger, RoundingLosesNothing) {
  // Three claims of a nanosecond, two nanoseconds to share: the plain rounded shares are 0, 0, 1.
  BusyLedger ledger;
  for (const char* name : {"a", "b", "c"}) ledger.claim(named(name), Cause::cpu, 1);
  EXPECT_EQ(total(ledger.settle(only(Cause::cpu, 2))), only(Cause::cpu, 2));
  EXPECT_EQ(total(ledger.settle(only(Cause::cpu, 1))), only(Cause::cpu, 1));
}

TEST(BusyLedger, SharesAddUpToTheExactTimeAtEverySettlement) {
  BusyLedger ledger;
  std::mt19937_64 random(4'711);
  uint64_t claimed = 0, met = 0;
  for (int i = 0; i < 100'000; ++i) {
    ByCause exact{};
    for (uint64_t n = random() % 5; n > 0; --n) {
      const uint64_t ns = random() % (random() % 3 == 0 ? 10 : 2 * kMs);
      ledger.claim(named("f" + std::to_string(random() % 12)),
                   static_cast<Cause>(random() % kCauseCount), ns);
      claimed += ns;
    }
    for (uint64_t& ns : exact) ns = random() % 3 == 0 ? random() % (random() % 2 ? 7 : kMs) : 0;
    const auto shares = ledger.settle(exact);
    ASSERT_EQ(with_gc_in_cpu(total(shares)), with_gc_in_cpu(exact)) << "settlement " << i;
    for (const BusyShare& share : shares) {
      ASSERT_GT(share.ns, 0u);
      if (!share.owner.function.starts_with('~')) met += share.ns;
    }
  }
  EXPECT_LE(met, claimed);
  EXPECT_GT(met, claimed / 2);
}

TEST(BusyLedger, NoFunctionGetsMoreThanItClaimed) {
  BusyLedger ledger;
  std::mt19937_64 random(3);
  std::map<std::string, uint64_t> claimed;
  Totals totals;
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = "f" + std::to_string(random() % 5);
    const uint64_t ns = random() % 1'000;
    ledger.claim(named(name), Cause::cpu, ns);
    claimed[name] += ns;
    totals.add(ledger.settle(only(Cause::cpu, random() % 1'000)));
    ASSERT_LE(totals.of(name), claimed[name]);
  }
}

/// Two functions in turn, blocking 0.6 and 0.5 ms; short blocks sampled as the kernel side does:
/// in each cell of 1 ms of their time laid end to end, the block that covers one random point.
TEST(BusyLedger, AlternatingShortBlocksGetTheirTrueShares) {
  BusyLedger ledger;
  std::mt19937_64 random(99);
  std::uniform_int_distribution<uint64_t> anywhere(0, kMs - 1);
  Totals totals;
  uint64_t position = 0, point = anywhere(random), cell = 0;
  for (int i = 0; i < 40'000; ++i) {
    const bool is_long = i % 2 == 0;
    const uint64_t length = is_long ? 600'000 : 500'000;
    while (cell + point < position + length) {
      ledger.claim(named(is_long ? "long" : "short"), Cause::network, kMs);
      cell += kMs;
      point = anywhere(random);
    }
    position += length;
    if (i % 300 == 299) {
      totals.add(ledger.settle(only(Cause::network, 150 * (600'000 + 500'000))));
    }
  }
  const auto of_long = static_cast<double>(totals.of("long"));
  const auto all = of_long + static_cast<double>(totals.of("short"));
  EXPECT_NEAR(of_long / all, 0.545, 0.01);
  EXPECT_GT(all, 0.97 * static_cast<double>(position));
}

TEST(BusyLedger, TicksShareTheCpuTimeWithoutBias) {
  // Turns of 0.7 and 0.3 ms, a tick each 10.1 ms of CPU time on the average.
  BusyLedger ledger;
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> unit(0, 1);
  Totals totals;
  for (int i = 0; i < 400'000; ++i) {
    if (unit(random) < 0.7e6 / kTickNs) ledger.claim(named("long"), Cause::cpu, kTickNs);
    if (unit(random) < 0.3e6 / kTickNs) ledger.claim(named("short"), Cause::cpu, kTickNs);
    if (i % 250 == 249) totals.add(ledger.settle(only(Cause::cpu, 250 * kMs)));
  }
  const auto of_long = static_cast<double>(totals.of("long"));
  const auto of_short = static_cast<double>(totals.of("short"));
  EXPECT_NEAR(of_long / (of_long + of_short), 0.7, 0.02);
}

TEST(BusyLedger, DebtOfTheLongRunIsBounded) {
  // Ticks that fall in step with the program claim twice the time there is, for an hour.
  BusyLedger ledger;
  for (int i = 0; i < 3'600; ++i) {
    ledger.claim(named("in_step"), Cause::cpu, 1'000 * kMs);
    ledger.settle(only(Cause::cpu, 500 * kMs));
  }
  // A quarter of a minute later it is forgotten.
  Totals totals;
  for (int i = 0; i < 15; ++i) totals.add(ledger.settle(only(Cause::cpu, 1'000 * kMs)));
  EXPECT_GT(totals.of(stacks::kUnsampled), 1'000 * kMs);
  EXPECT_LE(totals.of("in_step"), 14'000 * kMs);
}

TEST(BusyLedger, ManyNamesAreBoundedAndTheirTimeIsKept) {
  BusyLedger ledger;
  for (int i = 0; i < 100'000; ++i) {
    ledger.claim(named("f" + std::to_string(i)), Cause::cpu, kMs);
  }
  const auto shares = ledger.settle(only(Cause::cpu, 200'000 * kMs));
  EXPECT_LE(shares.size(), 2'000u);
  Totals totals;
  totals.add(shares);
  EXPECT_EQ(totals.of(stacks::kUnsampled), 100'000 * kMs);
  EXPECT_GT(totals.of(stacks::kOther), 90'000 * kMs);
}

}  // namespace
}  // namespace loopstall::stalls
