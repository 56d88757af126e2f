// SPDX-License-Identifier: Apache-2.0
#include "stalls/turn_attribution.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "known_stacks.h"
#include "stacks/attribution.h"

namespace loopstall::stalls {
namespace {

using testing::stack_of;

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kHour = 3'600'000'000'000;

BlockSample block(KnownStackPtr stack, Cause cause, uint64_t blocked_ns, uint64_t runqueue_ns = 0,
                  uint64_t weight_ns = 0, std::string_view syscall = "recvfrom") {
  return {1, blocked_ns, runqueue_ns, weight_ns, cause, syscall, "socket", std::move(stack)};
}

/// A turn whose causes are what its exact blocks say, and `more` on top.
Turn turn_of(std::vector<BlockSample> blocks, std::vector<TickSample> ticks,
             const std::map<Cause, uint64_t>& more) {
  Turn turn;
  for (const BlockSample& one : blocks) {
    if (one.weight_ns != 0) continue;
    turn.cause_ns[index(one.cause)] += one.blocked_ns;
    turn.cause_ns[index(Cause::runqueue)] += one.runqueue_ns;
  }
  for (const auto& [cause, ns] : more) turn.cause_ns[index(cause)] += ns;
  turn.blocks = std::move(blocks);
  turn.ticks = std::move(ticks);
  turn.end_ns = testing::sum(turn.cause_ns);
  return turn;
}

ByCause total(const std::vector<Hold>& holds) {
  ByCause all{};
  for (const Hold& hold : holds) {
    for (std::size_t i = 0; i < kCauseCount; ++i) all[i] += hold.cause_ns[i];
  }
  return all;
}

const Hold* find(const std::vector<Hold>& holds, std::string_view function) {
  const auto found = std::find_if(holds.begin(), holds.end(), [&](const Hold& hold) {
    return hold.stack->attribution.function == function;
  });
  return found == holds.end() ? nullptr : &*found;
}

uint64_t held(const std::vector<Hold>& holds, std::string_view function, Cause cause) {
  const Hold* hold = find(holds, function);
  return hold == nullptr ? 0 : hold->cause_ns[index(cause)];
}

TEST(TurnAttribution, EmptyTurnHasNoHolds) { EXPECT_TRUE(attribute_turn(Turn{}).empty()); }

TEST(TurnAttribution, ExactBlocksLandOnTheirFunctionsExactly) {
  const auto holds =
      attribute_turn(turn_of({block(stack_of("ask"), Cause::network, 20 * kMs + 1, 3),
                              block(stack_of("store"), Cause::file, 7 * kMs),
                              block(stack_of("ask"), Cause::network, 5 * kMs)},
                             {}, {}));
  ASSERT_EQ(holds.size(), 3u);
  EXPECT_EQ(held(holds, "ask", Cause::network), 25 * kMs + 1);
  EXPECT_EQ(held(holds, stacks::kMachine, Cause::runqueue), 3u);
  EXPECT_EQ(find(holds, "ask")->hold_ns, 25 * kMs + 1);
  EXPECT_EQ(held(holds, "store", Cause::file), 7 * kMs);
}

TEST(TurnAttribution, WeightedBlocksShareWhatTheExactOnesLeave) {
  const auto short_one = stack_of("one"), short_two = stack_of("two");
  const auto holds = attribute_turn(turn_of({block(stack_of("exact"), Cause::network, 10 * kMs),
                                             block(short_one, Cause::network, 600'000, 0, kMs),
                                             block(short_two, Cause::network, 500'000, 0, kMs),
                                             block(short_one, Cause::network, 600'000, 0, 2 * kMs)},
                                            {}, {{Cause::network, 8 * kMs}}));
  EXPECT_EQ(held(holds, "exact", Cause::network), 10 * kMs);
  EXPECT_EQ(held(holds, "one", Cause::network), 6 * kMs);
  EXPECT_EQ(held(holds, "two", Cause::network), 2 * kMs);
}

TEST(TurnAttribution, AWeightIsSplitLikeItsBlock) {
  // A quarter of each short block was waiting for a CPU.
  const auto holds =
      attribute_turn(turn_of({block(stack_of("one"), Cause::pipe, 300'000, 100'000, 4 * kMs),
                              block(stack_of("two"), Cause::pipe, 300'000, 300'000, 4 * kMs)},
                             {}, {{Cause::pipe, 5 * kMs}, {Cause::runqueue, 3 * kMs}}));
  EXPECT_EQ(held(holds, "one", Cause::pipe), 3 * kMs);
  EXPECT_EQ(held(holds, "two", Cause::pipe), 2 * kMs);
  EXPECT_EQ(held(holds, stacks::kMachine, Cause::runqueue), 3 * kMs);
}

TEST(TurnAttribution, TicksShareTheCpuTimeWhateverItsLength) {
  const auto busy = stack_of("busy"), brief = stack_of("brief");
  const auto holds = attribute_turn(
      turn_of({}, {{{}, busy}, {{}, busy}, {"read", brief}, {{}, busy}}, {{Cause::cpu, 44 * kMs}}));
  EXPECT_EQ(held(holds, "busy", Cause::cpu), 33 * kMs);
  EXPECT_EQ(held(holds, "brief", Cause::cpu), 11 * kMs);
  EXPECT_EQ(find(holds, "brief")->syscall, "read");
}

TEST(TurnAttribution, WhatNothingWasSeenOfIsUnsampled) {
  const auto holds =
      attribute_turn(turn_of({}, {}, {{Cause::cpu, 3 * kMs}, {Cause::network, 2 * kMs}}));
  ASSERT_EQ(holds.size(), 1u);
  EXPECT_EQ(held(holds, stacks::kUnsampled, Cause::cpu), 3 * kMs);
  EXPECT_EQ(held(holds, stacks::kUnsampled, Cause::network), 2 * kMs);
}

TEST(TurnAttribution, WhatTheMachineTookIsNoFunctionsFault) {
  BlockSample quota = block(stack_of("ask"), Cause::throttled, 0);
  quota.throttled_ns = 80 * kMs;
  Turn turn =
      turn_of({block(stack_of("ask"), Cause::network, kMs, 50 * kMs), quota,
               block(stack_of("ask"), Cause::stopped, 30 * kMs)},
              {{{}, stack_of("ask")}},
              {{Cause::runqueue, 9 * kMs}, {Cause::throttled, 80 * kMs}, {Cause::cpu, 2 * kMs}});
  const auto holds = attribute_turn(turn);
  ASSERT_EQ(holds.size(), 2u);
  const Hold* ask = find(holds, "ask");
  ASSERT_NE(ask, nullptr);
  EXPECT_EQ(ask->hold_ns, 3 * kMs);
  EXPECT_EQ(ask->cause, Cause::cpu);
  EXPECT_EQ(held(holds, stacks::kMachine, Cause::runqueue), 59 * kMs);
  EXPECT_EQ(held(holds, stacks::kMachine, Cause::throttled), 80 * kMs);
  EXPECT_EQ(held(holds, stacks::kMachine, Cause::stopped), 30 * kMs);
}

TEST(TurnAttribution, LongestHoldComesFirst) {
  const auto holds = attribute_turn(turn_of({block(stack_of("short"), Cause::file, 2 * kMs),
                                             block(stack_of("long"), Cause::file, 9 * kMs),
                                             block(stack_of("middle"), Cause::file, 5 * kMs)},
                                            {}, {}));
  ASSERT_EQ(holds.size(), 3u);
  EXPECT_EQ(holds[0].stack->attribution.function, "long");
  EXPECT_EQ(holds[1].stack->attribution.function, "middle");
  EXPECT_EQ(holds[2].stack->attribution.function, "short");
}

TEST(TurnAttribution, TheDominantCauseIsThatOfTheHoldNotOfTheTurn) {
  const auto mixed = stack_of("mixed");
  const auto holds = attribute_turn(
      turn_of({block(mixed, Cause::network, 4 * kMs), block(mixed, Cause::file, 5 * kMs),
               block(stack_of("other"), Cause::network, 90 * kMs)},
              {}, {}));
  EXPECT_EQ(find(holds, "mixed")->cause, Cause::file);
}

TEST(TurnAttribution, StackAndSyscallAreThoseOfTheDominantCause) {
  // Four waits in different places, together longer than the one piece of computing.
  const auto computing = stack_of("work", "app/main.py", "e", "resize");
  std::vector<BlockSample> blocks;
  for (int i = 0; i < 4; ++i) {
    blocks.push_back(block(stack_of("work", "app/main.py", "e", "recv"), Cause::network, 20 * kMs));
  }
  const auto holds = attribute_turn(turn_of(blocks, {{{}, computing}}, {{Cause::cpu, 30 * kMs}}));
  ASSERT_EQ(holds.size(), 1u);
  EXPECT_EQ(holds[0].cause, Cause::network);
  EXPECT_EQ(holds[0].syscall, "recvfrom");
  EXPECT_EQ(holds[0].stack->attribution.leaf, "recv");
}

TEST(TurnAttribution, OfEqualStacksTheFirstSeenIsShown) {
  // Addresses must not decide: the same turn has to give the same record each time.
  for (int i = 0; i < 20; ++i) {
    std::vector<KnownStackPtr> kept;
    for (int j = 0; j < i; ++j) kept.push_back(stack_of("noise"));
    auto late = stack_of("work", "app/main.py", "e", "late");
    auto early = stack_of("work", "app/main.py", "e", "early");
    if (i % 2 == 1) std::swap(late, early);
    const auto holds = attribute_turn(
        turn_of({block(early, Cause::network, kMs), block(late, Cause::network, kMs)}, {}, {}));
    EXPECT_EQ(holds[0].stack, early);
  }
}

TEST(TurnAttribution, TheSameNameInTwoFilesIsTwoFunctions) {
  const auto holds = attribute_turn(turn_of({block(stack_of("get", "a.py"), Cause::network, kMs),
                                             block(stack_of("get", "b.py"), Cause::network, kMs)},
                                            {}, {}));
  EXPECT_EQ(holds.size(), 2u);
}

TEST(TurnAttribution, HoursDoNotOverflow) {
  const auto one = stack_of("one"), two = stack_of("two");
  const Turn turn =
      turn_of({block(stack_of("exact"), Cause::lock, 500 * kHour),
               block(one, Cause::lock, 900'000, 0, 300 * kHour),
               block(two, Cause::lock, 900'000, 0, 100 * kHour)},
              {{{}, one}, {{}, two}}, {{Cause::lock, 400 * kHour}, {Cause::cpu, 1'000 * kHour}});
  const auto holds = attribute_turn(turn);
  EXPECT_EQ(total(holds), turn.cause_ns);
  EXPECT_EQ(held(holds, "exact", Cause::lock), 500 * kHour);
  EXPECT_EQ(held(holds, "one", Cause::lock), 300 * kHour);
  EXPECT_EQ(held(holds, "two", Cause::cpu), 500 * kHour);
}

TEST(TurnAttribution, BlocksBeyondTheAccountTakeNoMoreThanThereIs) {
  Turn turn = turn_of({block(stack_of("ask"), Cause::network, 20 * kMs)}, {}, {});
  turn.cause_ns[index(Cause::network)] = 15 * kMs;
  const auto holds = attribute_turn(turn);
  ASSERT_EQ(holds.size(), 1u);
  EXPECT_EQ(held(holds, "ask", Cause::network), 15 * kMs);
}

TEST(TurnAttribution, ReservedStacksHaveTheirNamesAndStrangersAreUnknown) {
  for (const auto name : {stacks::kFramework, stacks::kUnknown, stacks::kUnsampled, stacks::kOther,
                          stacks::kGenerated, stacks::kMachine}) {
    EXPECT_EQ(reserved_stack(name)->attribution.function, name);
  }
  EXPECT_EQ(reserved_stack("~invented")->attribution.function, stacks::kUnknown);
}

class RandomTurns {
 public:
  explicit RandomTurns(uint32_t seed) : random_(seed) {
    for (int i = 0; i < 6; ++i) stacks_.push_back(stack_of("f" + std::to_string(i % 4)));
  }

  Turn next() {
    std::vector<BlockSample> blocks;
    std::vector<TickSample> ticks;
    std::map<Cause, uint64_t> more;
    for (uint64_t i = below(8); i > 0; --i) {
      const uint64_t weight = below(2) == 0 ? 0 : below(3) * kMs + below(1'000);
      blocks.push_back(block(stack(), cause(), below(5'000'000), below(1'000'000), weight));
    }
    for (uint64_t i = below(6); i > 0; --i) ticks.push_back({{}, stack()});
    for (uint64_t i = below(5); i > 0; --i) more[cause()] += below(100'000'000);
    return turn_of(std::move(blocks), std::move(ticks), more);
  }

 private:
  uint64_t below(uint64_t bound) { return random_() % bound; }
  KnownStackPtr stack() { return stacks_[below(stacks_.size())]; }
  Cause cause() { return static_cast<Cause>(below(kCauseCount)); }

  std::mt19937_64 random_;
  std::vector<KnownStackPtr> stacks_;
};

TEST(TurnAttribution, HoldsAddUpToTheCausesOfAnyTurn) {
  RandomTurns turns(20'231);
  for (int i = 0; i < 5'000; ++i) {
    const Turn turn = turns.next();
    const auto holds = attribute_turn(turn);
    ASSERT_EQ(total(holds), turn.cause_ns) << "turn " << i;
    for (const Hold& hold : holds) {
      ASSERT_EQ(hold.hold_ns, testing::sum(hold.cause_ns));
      ASSERT_GT(hold.hold_ns, 0u);
      const auto most = std::max_element(hold.cause_ns.begin(), hold.cause_ns.end());
      ASSERT_EQ(hold.cause_ns[index(hold.cause)], *most);
    }
    ASSERT_TRUE(std::is_sorted(holds.begin(), holds.end(),
                               [](const Hold& a, const Hold& b) { return a.hold_ns > b.hold_ns; }));
  }
}

TEST(TurnAttribution, NoFunctionGetsLessThanItsExactBlocks) {
  RandomTurns turns(7);
  for (int i = 0; i < 2'000; ++i) {
    const Turn turn = turns.next();
    std::map<std::string, uint64_t> exact;
    for (const BlockSample& one : turn.blocks) {
      if (one.weight_ns != 0 || cause_is_machines(one.cause)) continue;
      exact[one.stack->attribution.function] += one.blocked_ns;
    }
    const auto holds = attribute_turn(turn);
    for (const auto& [function, ns] : exact) {
      if (ns == 0) continue;
      ASSERT_NE(find(holds, function), nullptr);
      ASSERT_GE(find(holds, function)->hold_ns, ns);
    }
  }
}

TickSample tick(KnownStackPtr stack, uint64_t coroutine, Cause cause = Cause::cpu) {
  return {{}, std::move(stack), cause, coroutine};
}

using Met = std::pair<uint64_t, uint64_t>;  // seen, samples
Met met(const Coroutines& coroutines) { return {coroutines.seen, coroutines.samples}; }

TEST(TurnAttribution, TheCollectorsTimeIsNotTheFunctionsThatItStruck) {
  const auto make = stack_of("make"), collecting = stack_of("~gc");
  const auto holds = attribute_turn(
      turn_of({}, {tick(make, 7), tick(collecting, 7, Cause::gc), tick(collecting, 7, Cause::gc)},
              {{Cause::cpu, 10 * kMs}, {Cause::gc, 20 * kMs}}));
  EXPECT_EQ(held(holds, "~gc", Cause::gc), 20 * kMs);
  EXPECT_EQ(held(holds, "make", Cause::cpu), 10 * kMs);
  EXPECT_EQ(held(holds, "make", Cause::gc), 0u);
  EXPECT_EQ(met(find(holds, "~gc")->coroutines), Met(0, 0)) << "no coroutine runs the collector";
  EXPECT_EQ(met(find(holds, "make")->coroutines), Met(1, 1));
}

TEST(TurnAttribution, CollectorsTimeWhoseSamplesWereLostIsItsOwn) {
  const auto holds = attribute_turn(turn_of({}, {}, {{Cause::gc, 20 * kMs}}));
  EXPECT_EQ(held(holds, "~gc", Cause::gc), 20 * kMs);
}

TEST(TurnAttribution, CountsTheCoroutinesThatSamplesMet) {
  const auto price = stack_of("price");
  auto wait = block(price, Cause::network, 5 * kMs);
  wait.coroutine = 0x2000;
  auto gil = block(stack_of("crunch"), Cause::gil, 5 * kMs);
  gil.coroutine = 0x3000;
  const Turn turn = turn_of({wait, gil},
                            {tick(price, 0x1000), tick(price, 0x1000), tick(price, 0x2000),
                             tick(price, 0), tick(stack_of("other"), 0x4000)},
                            {{Cause::cpu, 50 * kMs}});
  const auto holds = attribute_turn(turn);
  EXPECT_EQ(met(find(holds, "price")->coroutines), Met(2, 4));
  EXPECT_EQ(met(find(holds, "other")->coroutines), Met(1, 1));
  EXPECT_EQ(met(find(holds, "crunch")->coroutines), Met(0, 0))
      << "it is the waiter's, not the holder's";
  EXPECT_EQ(met(coroutines_of(turn)), Met(4, 6));
}

TEST(TurnAttribution, TheTaskIsThatOfTheLongestCoroutine) {
  auto one = block(stack_of("price"), Cause::network, 30 * kMs);
  one.coroutine = 0x1000;
  one.task = "short";
  auto other = block(stack_of("price"), Cause::network, 70 * kMs);
  other.coroutine = 0x2000;
  other.task = "long";
  EXPECT_EQ(attribute_turn(turn_of({one, other}, {}, {})).at(0).coroutines.task, "long");
  other.task.clear();
  EXPECT_EQ(attribute_turn(turn_of({one, other}, {}, {})).at(0).coroutines.task, "")
      << "a wrong name is worse than none";
}

/// What of 180 ms of computing one coroutine had at least, if 18 ticks met them in turn.
uint64_t longest_of(uint64_t coroutines) {
  std::vector<TickSample> ticks;
  for (uint64_t i = 0; i < 18; ++i) ticks.push_back(tick(stack_of("price"), 1 + i % coroutines));
  const Turn turn = turn_of({}, std::move(ticks), {{Cause::cpu, 180 * kMs}});
  const auto holds = attribute_turn(turn);
  EXPECT_EQ(holds.at(0).coroutines, coroutines_of(turn));
  return holds.at(0).coroutines.longest_ns;
}

TEST(TurnAttribution, SaysForHowLongOneCoroutineHeldItAtLeast) {
  EXPECT_GT(longest_of(1), 150 * kMs);
  EXPECT_LT(longest_of(1), 162 * kMs) << "18 samples say no more";
  EXPECT_GT(longest_of(2), 40 * kMs);
  EXPECT_LT(longest_of(2), 90 * kMs);
  EXPECT_LT(longest_of(18), 3 * kMs);
}

TEST(TurnAttribution, ABlockIsAllOneCoroutines) {
  auto one = block(stack_of("back_off"), Cause::sleep, 100 * kMs);
  one.coroutine = 0x1000;
  auto other = block(stack_of("back_off"), Cause::sleep, 30 * kMs);
  other.coroutine = 0x2000;
  EXPECT_EQ(coroutines_of(turn_of({one, other}, {}, {{Cause::sleep, 130 * kMs}})),
            (Coroutines{2, 2, 100 * kMs}));
}

TEST(TurnAttribution, ASampleWithoutTimeMakesNoHold) {
  const auto holds = attribute_turn(turn_of({}, {tick(stack_of("price"), 0x1000)}, {}));
  EXPECT_TRUE(holds.empty());
}

TEST(Harm, IsHalfOfThePartForEachThatWaited) {
  EXPECT_EQ(harm_ns(100 * kMs, 7), 350 * kMs);
  EXPECT_EQ(harm_ns(100 * kMs, 0), 0u);
}

}  // namespace
}  // namespace loopstall::stalls
