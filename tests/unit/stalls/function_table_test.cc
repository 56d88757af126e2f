// SPDX-License-Identifier: Apache-2.0
#include "stalls/function_table.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>
#include <set>
#include <tuple>

#include "known_stacks.h"
#include "stacks/attribution.h"

namespace loopstall::stalls {
namespace {

using testing::stack_of;

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSecond = 1'000 * kMs;

Hold hold(const KnownStackPtr& stack, uint64_t ns, Cause cause = Cause::network) {
  Hold one;
  one.stack = stack;
  one.cause = cause;
  one.cause_ns[index(cause)] = ns;
  one.hold_ns = ns;
  return one;
}

Hold hold(const std::string& function, uint64_t ns, Cause cause = Cause::network) {
  return hold(stack_of(function), ns, cause);
}

BusyShare share(const std::string& function, uint64_t ns, Cause cause = Cause::network,
                const std::string& entry = "endpoint") {
  const bool reserved = function.starts_with('~');
  return {{function, reserved ? "" : "app/main.py", entry}, cause, ns};
}

using Key = std::tuple<std::string, std::string, Cause>;
struct Counters {
  uint64_t busy_ns = 0;
  uint64_t count = 0;
  uint64_t sum_ns = 0;
};

std::map<Key, Counters> counters(const FunctionTable& table) {
  std::map<Key, Counters> all;
  for (const FunctionSeries& series : table.functions()) {
    all[{series.function, series.file, series.cause}] = {series.busy_ns, series.holds.count(),
                                                         series.holds.sum_ns};
  }
  return all;
}

std::optional<FunctionSeries> find(const FunctionTable& table, std::string_view function,
                                   Cause cause = Cause::network) {
  for (const FunctionSeries& series : table.functions()) {
    if (series.function == function && series.cause == cause) return series;
  }
  return std::nullopt;
}

uint64_t busy_of(const FunctionTable& table) {
  uint64_t total = 0;
  for (const FunctionSeries& series : table.functions()) total += series.busy_ns;
  return total;
}

class FunctionTableTest : public ::testing::Test {
 protected:
  SeriesBudget budget_;
  FunctionTable table_{FunctionLimits{}, budget_};
};

TEST_F(FunctionTableTest, PartsAreOfFunctionsWithSeries) {
  const Hold known = hold("save_log", 20 * kMs), unknown = hold("short", kMs);
  table_.observe_hold(known, "", kSecond);
  table_.observe_turn({known, unknown, hold(reserved_stack(stacks::kMachine), 9 * kMs)}, 30 * kMs);
  table_.add_busy(share("save_log", 20 * kMs), kSecond);
  table_.add_busy(share("save_log", 5 * kMs, Cause::cpu), kSecond);
  table_.add_busy(share("~machine", 9 * kMs), kSecond);
  const auto parts = table_.parts();
  ASSERT_EQ(parts.size(), 1u);
  const auto& [function, part] = *parts.begin();
  EXPECT_EQ(function.first, "save_log");
  EXPECT_EQ(part.busy_ns, 25 * kMs);
  MovedByLength moved{};
  move_time(moved, 30 * kMs, 20 * kMs);
  EXPECT_EQ(part.moved_ns, moved);
}

TEST_F(FunctionTableTest, HarmIsCountedByFunctionAndCause) {
  table_.observe_harm(hold("save_log", 20 * kMs), 7 * kMs, kSecond);
  table_.observe_harm(hold("save_log", 20 * kMs), 5 * kMs, kSecond);
  table_.observe_harm(hold("back_off", 20 * kMs, Cause::sleep), 3 * kMs, kSecond);
  table_.observe_harm(hold("short", kMs), 2 * kMs, kSecond);
  EXPECT_EQ(find(table_, "save_log")->harm_ns, 12 * kMs);
  EXPECT_EQ(find(table_, "back_off", Cause::sleep)->harm_ns, 3 * kMs);
  EXPECT_EQ(find(table_, stacks::kOther)->harm_ns, 2 * kMs);
}

TEST_F(FunctionTableTest, DeathsAreCountedByFunctionAndAdmitIt) {
  table_.observe_death(hold("save_log", kSecond), kSecond);
  table_.observe_death(hold("save_log", kSecond), kSecond);
  table_.observe_death(hold(reserved_stack(stacks::kMachine), kSecond, Cause::throttled), kSecond);
  const auto deaths = table_.deaths();
  ASSERT_EQ(deaths.size(), 2u);
  EXPECT_EQ(deaths[0].function, "save_log");
  EXPECT_EQ(deaths[0].count, 2u);
  EXPECT_EQ(deaths[1].function, stacks::kMachine);
  EXPECT_EQ(deaths[1].file, "");
  for (int i = 0; i < 100; ++i) table_.observe_death(hold("f" + std::to_string(i), kSecond), 0);
  EXPECT_LE(table_.deaths().size(), 22u) << "20 functions, ~machine and ~other";
}

TEST_F(FunctionTableTest, AHoldOfTenMillisecondsAdmits) {
  table_.observe_hold(hold("save_log", 10 * kMs), "use a queue", kSecond);
  const auto series = find(table_, "save_log");
  ASSERT_TRUE(series);
  EXPECT_EQ(series->holds.count(), 1u);
  EXPECT_EQ(series->entry, "endpoint");
  EXPECT_EQ(series->line, 7);
  EXPECT_EQ(series->leaf, "leaf");
  EXPECT_EQ(series->advice, "use a queue");
  EXPECT_FALSE(find(table_, stacks::kOther));
}

TEST_F(FunctionTableTest, ShorterHoldsAreCountedInOther) {
  table_.observe_hold(hold("brief", 10 * kMs - 1), "", kSecond);
  EXPECT_FALSE(find(table_, "brief"));
  EXPECT_EQ(find(table_, stacks::kOther)->holds.count(), 1u);
}

TEST_F(FunctionTableTest, HoldsBelowAMillisecondAreNotObserved) {
  table_.observe_hold(hold("brief", kMs - 1), "", kSecond);
  EXPECT_TRUE(table_.functions().empty());
  table_.observe_hold(hold("brief", kMs), "", kSecond);
  EXPECT_EQ(find(table_, stacks::kOther)->holds.count(), 1u);
}

TEST_F(FunctionTableTest, OnePercentOfTheLoopAdmitsAndWhatCameBeforeStaysInOther) {
  for (int i = 1; i <= 120; ++i) table_.add_busy(share("busy", kMs), 20 * kSecond + i * 50 * kMs);
  // 1 % of 10 s is 100 ms: the hundredth share admits it.
  EXPECT_EQ(find(table_, stacks::kOther)->busy_ns, 99 * kMs);
  EXPECT_EQ(find(table_, "busy")->busy_ns, 21 * kMs);
}

TEST_F(FunctionTableTest, LessThanOnePercentIsNeverAdmitted) {
  for (uint64_t i = 1; i <= 1'000; ++i) table_.add_busy(share("rare", 9 * kMs), i * kSecond);
  EXPECT_FALSE(find(table_, "rare"));
  EXPECT_EQ(find(table_, stacks::kOther)->busy_ns, 9'000 * kMs);
}

TEST_F(FunctionTableTest, HoldsThatEndedBeforeTheWindowDoNotStartItAnew) {
  // Turns are named late: their ends may lie before the reading that made the function known.
  for (uint64_t i = 0; i < 10; ++i) {
    table_.add_busy(share("busy", 15 * kMs), 20 * kSecond + i * 500 * kMs);
    table_.observe_hold(hold("busy", 5 * kMs), "", 19 * kSecond);
  }
  EXPECT_TRUE(find(table_, "busy"));
}

TEST_F(FunctionTableTest, AdmissionIsKept) {
  table_.observe_hold(hold("once", 20 * kMs), "", kSecond);
  table_.observe_hold(hold("once", 2 * kMs), "", 3'600 * kSecond);
  table_.add_busy(share("once", 5), 3'600 * kSecond);
  EXPECT_EQ(find(table_, "once")->holds.count(), 2u);
  EXPECT_EQ(find(table_, "once")->busy_ns, 5u);
}

TEST_F(FunctionTableTest, TheTwentyFirstIsFoldedAndCountedOnce) {
  for (int i = 0; i < 20; ++i) {
    table_.observe_hold(hold("f" + std::to_string(i), 20 * kMs), "", kSecond);
  }
  EXPECT_EQ(budget_.folded, 0u);
  for (int i = 0; i < 50; ++i) table_.observe_hold(hold("late", 20 * kMs), "", kSecond);
  table_.add_busy(share("late", kSecond), kSecond);
  EXPECT_EQ(budget_.folded, 1u);
  EXPECT_FALSE(find(table_, "late"));
  EXPECT_EQ(find(table_, stacks::kOther)->holds.count(), 50u);
}

TEST_F(FunctionTableTest, ReservedNamesTakeNoPlaceOfTheTwenty) {
  for (const auto name : {stacks::kUnsampled, stacks::kFramework, stacks::kUnknown}) {
    table_.observe_hold(hold(reserved_stack(name), 20 * kMs), "", kSecond);
  }
  for (int i = 0; i < 20; ++i) {
    table_.observe_hold(hold("f" + std::to_string(i), 20 * kMs), "", kSecond);
  }
  EXPECT_EQ(budget_.folded, 0u);
  EXPECT_TRUE(find(table_, "f19"));
  EXPECT_TRUE(find(table_, stacks::kUnsampled));
}

TEST_F(FunctionTableTest, ATargetsTildeNamesAreOrdinaryNames) {
  for (int i = 0; i < 1'000; ++i) {
    const std::string name = "~" + std::to_string(i);
    table_.observe_hold(hold(stack_of(name, i % 2 ? "" : "x.py"), 20 * kMs), "", kSecond);
    table_.add_busy({{name, "", name}, Cause::cpu, kSecond}, kSecond);
  }
  EXPECT_LE(table_.functions().size(), 2 * 20u + 2u);
  EXPECT_LE(table_.entries().size(), 51u);
  // The reserved name itself, in a file of the target's, is not the reserved one.
  table_.add_busy({{"~framework", "evil.py", "e"}, Cause::cpu, kSecond}, kSecond);
  for (const FunctionSeries& series : table_.functions()) {
    if (series.function == "~framework") {
      EXPECT_EQ(series.file, "");
    }
  }
}

TEST_F(FunctionTableTest, TheNodesBudgetBoundsAllTables) {
  budget_.left = 5;
  FunctionTable second{FunctionLimits{}, budget_};
  for (int i = 0; i < 4; ++i) {
    table_.observe_hold(hold("f" + std::to_string(i), 20 * kMs), "", kSecond);
    second.observe_hold(hold("g" + std::to_string(i), 20 * kMs), "", kSecond);
  }
  std::size_t own = 0;
  for (const FunctionTable* table : {&table_, &second}) {
    for (const FunctionSeries& series : table->functions()) own += series.function != "~other";
  }
  EXPECT_EQ(own, 5u);
  EXPECT_EQ(budget_.left, 0u);
  EXPECT_EQ(budget_.folded, 3u);
}

TEST_F(FunctionTableTest, ASeriesForWantOfBudgetIsFoldedOnceAndCountedInOther) {
  budget_.left = 1;
  table_.observe_hold(hold("f", 20 * kMs, Cause::network), "", kSecond);
  for (int i = 0; i < 10; ++i) table_.observe_hold(hold("f", 20 * kMs, Cause::file), "", kSecond);
  for (int i = 0; i < 10; ++i) table_.add_busy(share("f", 7, Cause::file), kSecond);
  EXPECT_EQ(budget_.folded, 1u);
  EXPECT_EQ(find(table_, stacks::kOther, Cause::file)->holds.count(), 10u);
  EXPECT_EQ(find(table_, stacks::kOther, Cause::file)->busy_ns, 70u);
}

TEST_F(FunctionTableTest, ASeriesOnceCountedInOtherDoesNotMoveWhenBudgetComesFree) {
  budget_.left = 1;
  table_.observe_hold(hold("f", 20 * kMs, Cause::network), "", kSecond);
  table_.observe_hold(hold("f", 20 * kMs, Cause::file), "", kSecond);
  const auto before = counters(table_);
  budget_.left = 10;
  table_.observe_hold(hold("f", 20 * kMs, Cause::file), "", kSecond);
  const auto after = counters(table_);
  for (const auto& [key, values] : before) EXPECT_GE(after.at(key).count, values.count);
}

TEST_F(FunctionTableTest, ChurnOfNamesNeverDecreasesOrMovesACounter) {
  std::mt19937_64 random(5);
  std::map<Key, Counters> last;
  std::set<std::string> listed;
  uint64_t given_ns = 0, held_ns = 0, holds = 0;
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t now_ns = 20 * kSecond + static_cast<uint64_t>(i) * 7 * kMs;
    const std::string name = "f" + std::to_string(random() % 2 ? i : random() % 40);
    const uint64_t ns = random() % (12 * kMs);
    table_.observe_hold(hold(name, ns), "", now_ns);
    table_.add_busy(share(name, ns, Cause::network, "e" + name), now_ns);
    given_ns += ns;
    holds += ns >= kMs;
    held_ns += ns >= kMs ? ns : 0;
    if (i % 500 != 0) continue;
    const auto now = counters(table_);
    for (const auto& [key, values] : last) {
      const auto found = now.find(key);
      ASSERT_NE(found, now.end()) << std::get<0>(key) << " is gone";
      ASSERT_GE(found->second.busy_ns, values.busy_ns);
      ASSERT_GE(found->second.count, values.count);
      ASSERT_GE(found->second.sum_ns, values.sum_ns);
    }
    uint64_t busy_ns = 0, count = 0, sum_ns = 0, entry_ns = 0;
    for (const auto& [key, values] : now) {
      busy_ns += values.busy_ns;
      count += values.count;
      sum_ns += values.sum_ns;
    }
    for (const EntrySeries& entry : table_.entries()) entry_ns += entry.busy_ns;
    ASSERT_EQ(busy_ns, given_ns);
    ASSERT_EQ(entry_ns, given_ns);
    ASSERT_EQ(count, holds);
    ASSERT_EQ(sum_ns, held_ns);
    last = now;
  }
  EXPECT_EQ(table_.functions().size(), 21u);  // twenty and ~other
  EXPECT_EQ(table_.entries().size(), 51u);
  EXPECT_LE(table_.candidates(), FunctionLimits{}.candidates);
}

TEST_F(FunctionTableTest, RefusedNamesNeitherFillTheCandidatesForEverNorCountAgain) {
  FunctionLimits limits;
  limits.functions = 1;
  limits.candidates = 8;
  FunctionTable small{limits, budget_};
  small.observe_hold(hold("first", 20 * kMs), "", kSecond);
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 8; ++i) {
      small.observe_hold(hold("f" + std::to_string(i), 20 * kMs), "", kSecond);
    }
  }
  EXPECT_EQ(budget_.folded, 8u);
  // More names than can be remembered: rather too few are counted than one twice.
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 50; ++i) {
      small.observe_hold(hold("g" + std::to_string(i), 20 * kMs), "", kSecond);
    }
  }
  EXPECT_LE(budget_.folded, 8u + 50u);
  EXPECT_LE(small.candidates(), 8u);
}

TEST_F(FunctionTableTest, RefusedNamesAreCountedInAFloodOfSmallOnes) {
  FunctionLimits limits;
  limits.functions = 1;
  limits.candidates = 8;
  FunctionTable small{limits, budget_};
  small.observe_hold(hold("first", 20 * kMs), "", kSecond);
  for (int i = 0; i < 100; ++i) small.add_busy(share("small" + std::to_string(i), 1), kSecond);
  for (int i = 0; i < 5; ++i) {
    small.observe_hold(hold("large" + std::to_string(i), 20 * kMs), "", kSecond);
  }
  EXPECT_EQ(budget_.folded, 5u);
  EXPECT_LE(small.candidates(), 8u);
}

TEST_F(FunctionTableTest, SeriesKnowWhenTheyWereMade) {
  table_.observe_hold(hold("f", 20 * kMs), "", 3 * kSecond);
  table_.observe_hold(hold("f", 20 * kMs), "", 9 * kSecond);
  table_.add_busy(share("f", 5, Cause::cpu), 4 * kSecond);
  table_.observe_death(hold("f", 20 * kMs), 5 * kSecond);
  table_.observe_death(hold("f", 20 * kMs), 6 * kSecond);
  EXPECT_EQ(find(table_, "f")->created_ns, 3 * kSecond);
  EXPECT_EQ(find(table_, "f", Cause::cpu)->created_ns, 4 * kSecond);
  ASSERT_EQ(table_.deaths().size(), 1u);
  EXPECT_EQ(table_.deaths()[0].created_ns, 5 * kSecond);
  EXPECT_EQ(table_.deaths()[0].count, 2u);
  ASSERT_EQ(table_.entries().size(), 1u);
  EXPECT_EQ(table_.entries()[0].created_ns, 4 * kSecond);
}

TEST_F(FunctionTableTest, AdmittedFunctionsTakeNoPlaceAmongTheCandidates) {
  for (int i = 0; i < 20; ++i) {
    for (int j = 0; j < 3; ++j) {
      table_.observe_hold(hold("f" + std::to_string(i), 20 * kMs), "", kSecond);
    }
  }
  table_.observe_hold(hold(reserved_stack(stacks::kUnsampled), 20 * kMs), "", kSecond);
  EXPECT_EQ(table_.candidates(), 0u);
}

TEST_F(FunctionTableTest, StaleCandidatesMakeRoom) {
  FunctionLimits limits;
  limits.candidates = 4;
  FunctionTable small{limits, budget_};
  for (int i = 0; i < 4; ++i) small.add_busy(share("old" + std::to_string(i), kMs), 20 * kSecond);
  small.add_busy(share("fresh", kSecond), 21 * kSecond);
  EXPECT_FALSE(find(small, "fresh"));
  small.add_busy(share("fresh", kSecond), 31 * kSecond);
  EXPECT_TRUE(find(small, "fresh"));
}

TEST_F(FunctionTableTest, TheLongestHoldIsDescribedUntilItFades) {
  table_.observe_hold(hold(stack_of("f", "a.py", "first", "slow"), 500 * kMs), "a", kSecond);
  table_.observe_hold(hold(stack_of("f", "a.py", "second", "quick"), 20 * kMs), "b", kSecond);
  EXPECT_EQ(find(table_, "f")->entry, "first");
  for (int i = 0; i < 1'000; ++i) {
    table_.observe_hold(hold(stack_of("f", "a.py", "second", "quick"), 20 * kMs), "b", kSecond);
  }
  EXPECT_EQ(find(table_, "f")->entry, "second");
  EXPECT_EQ(find(table_, "f")->advice, "b");
}

TEST_F(FunctionTableTest, HostileNamesAreKeptAsTheyAre) {
  for (const std::string& name :
       {std::string(), std::string(5, '\0'), std::string("\xff\n\"{}"), std::string(120, 'x')}) {
    table_.observe_hold(hold(name, 20 * kMs), "", kSecond);
    table_.add_busy(share(name, 3), kSecond);
    EXPECT_EQ(find(table_, name)->busy_ns, 3u);
  }
  EXPECT_EQ(busy_of(table_), 12u);
}

TEST_F(FunctionTableTest, TimeWithoutAnEntryIsOfTheUnknownEntry) {
  table_.add_busy(share("f", 5, Cause::cpu, ""), kSecond);
  ASSERT_EQ(table_.entries().size(), 1u);
  EXPECT_EQ(table_.entries()[0].entry, stacks::kUnknown);
}

}  // namespace
}  // namespace loopstall::stalls
