// SPDX-License-Identifier: Apache-2.0
#include "session/loop.h"

#include <gtest/gtest.h>

#include <map>

namespace loopstall::session {
namespace {

using stalls::Cause;

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSecond = 1'000 * kMs;
constexpr uint64_t kTickNs = 10 * kMs;

std::shared_ptr<SeenStack> unnamed() { return std::make_shared<SeenStack>(); }

stalls::KnownStackPtr stack_of(std::string function) {
  stalls::KnownStack known;
  known.attribution.function = std::move(function);
  known.attribution.file = "app.py";
  return std::make_shared<const stalls::KnownStack>(std::move(known));
}

std::shared_ptr<SeenStack> named(std::string function) {
  auto seen = unnamed();
  seen->known = stack_of(std::move(function));
  return seen;
}

probes::EventOrigin at(uint64_t turn, uint64_t time_ns = kSecond) {
  return {1, 1, 100, 101, time_ns, turn};
}

probes::BlockEnded block(uint64_t blocked_ns) {
  return {1, blocked_ns, 0, 0, Cause::network, "recvfrom", "socket", {}};
}

probes::TurnEnded ended(bool is_long = false) {
  probes::TurnEnded turn;
  turn.start_ns = 7;
  turn.serving = true;
  turn.is_long = is_long;
  turn.dominant = Cause::network;
  turn.cause_ns[stalls::index(Cause::network)] = 20 * kMs;
  return turn;
}

class LoopTest : public ::testing::Test {
 protected:
  uint64_t busy_of(std::string_view function) {
    stalls::LoopAccount account;
    account.activity = stalls::LoopActivity::idle;
    account.accounted_ns = kSecond;
    account.busy_ns.fill(kSecond);
    loop_.update(account, kSecond);
    loop_.update(account, kSecond);
    uint64_t total = 0;
    for (const auto& series : service_.snapshot().functions) {
      if (series.function == function) total += series.busy_ns;
    }
    return total;
  }

  stalls::ServiceTable table_{{}, 100};
  stalls::Service& service_ = table_.service({"app", "asyncio", "", "", ""}, 1);
  Loop loop_{{100, 101, 1}, 1, 1, nullptr, {"app", "asyncio", "", "", ""}, service_};
};

TEST_F(LoopTest, ATurnIsTakenWithItsSamplesAndTheirNames) {
  loop_.add_block(at(5), block(20 * kMs), named("ask"));
  loop_.add_tick(at(5), {"read", {}}, named("compute"));
  loop_.finish_turn(at(5, 2 * kSecond), ended());
  const auto finished = loop_.take_finished(2 * kSecond);
  ASSERT_TRUE(finished);
  const stalls::Turn turn = named_turn(*finished);
  EXPECT_EQ(turn.start_ns, 7u);
  EXPECT_EQ(turn.end_ns, 2 * kSecond);
  EXPECT_TRUE(turn.serving);
  ASSERT_EQ(turn.blocks.size(), 1u);
  EXPECT_EQ(turn.blocks[0].blocked_ns, 20 * kMs);
  EXPECT_EQ(turn.blocks[0].cause, Cause::network);
  EXPECT_EQ(turn.blocks[0].syscall, "recvfrom");
  EXPECT_EQ(turn.blocks[0].fd_kind, "socket");
  EXPECT_EQ(turn.blocks[0].stack->attribution.function, "ask");
  ASSERT_EQ(turn.ticks.size(), 1u);
  EXPECT_EQ(turn.ticks[0].syscall, "read");
  EXPECT_EQ(turn.ticks[0].stack->attribution.function, "compute");
  EXPECT_FALSE(loop_.take_finished(2 * kSecond));
}

TEST_F(LoopTest, ATurnWaitsForTheNamesOfAllItsStacks) {
  auto late = unnamed();
  loop_.add_block(at(5), block(kMs), named("ask"));
  loop_.add_block(at(5), block(kMs), late);
  loop_.finish_turn(at(5), ended());
  EXPECT_FALSE(loop_.take_finished(100 * kSecond));
  EXPECT_TRUE(loop_.has_unfinished_work());
  late->known = stack_of("late");
  EXPECT_TRUE(loop_.take_finished(100 * kSecond));
}

TEST_F(LoopTest, TurnsAreTakenInTheirOrder) {
  auto late = unnamed();
  loop_.add_block(at(5), block(kMs), late);
  loop_.finish_turn(at(5), ended());
  loop_.finish_turn(at(6), ended());
  EXPECT_FALSE(loop_.take_finished(kSecond)) << "an older turn waits";
  late->known = stack_of("late");
  EXPECT_EQ(loop_.take_finished(kSecond)->number, 5u);
  EXPECT_EQ(loop_.take_finished(kSecond)->number, 6u);
}

TEST_F(LoopTest, ASamplesTurnIsTheOneThatItWasSeenIn) {
  loop_.add_block(at(5), block(1 * kMs), named("five"));
  loop_.add_block(at(6), block(2 * kMs), named("six"));
  loop_.finish_turn(at(5), ended());
  loop_.finish_turn(at(6), ended());
  const stalls::Turn five = named_turn(*loop_.take_finished(kSecond));
  ASSERT_EQ(five.blocks.size(), 1u);
  EXPECT_EQ(five.blocks[0].blocked_ns, 1 * kMs);
  EXPECT_EQ(named_turn(*loop_.take_finished(kSecond)).blocks.size(), 1u);
}

TEST_F(LoopTest, SamplesOfATurnWhoseEndWasLostAreNotGivenToAnother) {
  loop_.add_block(at(5), block(1 * kMs), named("five"));
  loop_.finish_turn(at(6), ended());
  EXPECT_TRUE(named_turn(*loop_.take_finished(kSecond)).blocks.empty());
  loop_.finish_turn(at(5), ended());
  EXPECT_TRUE(named_turn(*loop_.take_finished(kSecond)).blocks.empty());
}

TEST_F(LoopTest, AStallWaitsForItsDelayedEvents) {
  loop_.finish_turn(at(5, 10 * kSecond), ended(true));
  EXPECT_FALSE(loop_.take_finished(10 * kSecond + 999 * kMs));
  loop_.set_delayed(4, 1);
  EXPECT_FALSE(loop_.take_finished(10 * kSecond + 999 * kMs));
  loop_.set_delayed(5, 3);
  const auto finished = loop_.take_finished(10 * kSecond);
  ASSERT_TRUE(finished);
  EXPECT_EQ(finished->delayed_events, 3u);
}

TEST_F(LoopTest, AStallGoesWithoutThemAfterASecondOrAtItsLoopsEnd) {
  loop_.finish_turn(at(5, 10 * kSecond), ended(true));
  loop_.finish_turn(at(6, 10 * kSecond), ended(true));
  const auto finished = loop_.take_finished(11 * kSecond);
  ASSERT_TRUE(finished);
  EXPECT_FALSE(finished->delayed_events);
  EXPECT_FALSE(loop_.take_finished(10 * kSecond));
  loop_.mark_ended(10 * kSecond);
  EXPECT_TRUE(loop_.take_finished(10 * kSecond));
}

TEST_F(LoopTest, AStallThatEndedAfterNowWasReadStillWaits) {
  loop_.finish_turn(at(5, 10 * kSecond), ended(true));
  EXPECT_FALSE(loop_.take_finished(10 * kSecond - 1));
}

TEST_F(LoopTest, ClaimsComeInOrderOnceTheirStacksAreKnown) {
  auto late = unnamed();
  loop_.add_block(at(5), block(20 * kMs), named("ask"));
  loop_.add_block(at(5), block(30 * kMs), late);
  loop_.add_tick(at(5), {}, named("compute"));
  loop_.claim_known(kTickNs);
  EXPECT_TRUE(loop_.has_unfinished_work());
  EXPECT_EQ(busy_of("compute"), 0u);
  late->known = stack_of("late");
  loop_.claim_known(kTickNs);
  EXPECT_FALSE(loop_.has_unfinished_work());
}

TEST_F(LoopTest, EachSampleIsClaimedOnce) {
  for (int i = 0; i < 20; ++i) loop_.add_block(at(5), block(10 * kMs), named("ask"));
  for (int i = 0; i < 3; ++i) loop_.claim_known(kTickNs);
  EXPECT_EQ(busy_of("ask"), 200 * kMs);
}

TEST_F(LoopTest, SamplesOfATurnAreBounded) {
  const auto seen = named("ask");
  for (int i = 0; i < 30'000; ++i) loop_.add_block(at(5), block(1), seen);
  loop_.finish_turn(at(5), ended());
  EXPECT_EQ(loop_.take_finished(kSecond)->samples.size(), 10'000u);
}

TEST_F(LoopTest, ShowsWhereItsTurnWasSeenLast) {
  EXPECT_EQ(loop_.known_in_turn(0), nullptr);
  const auto seen = named("ask");
  loop_.add_block(at(5), block(1), named("before"));
  loop_.see_in_turn(6, seen);
  EXPECT_EQ(loop_.known_in_turn(6), seen);
  EXPECT_EQ(loop_.known_in_turn(5), nullptr) << "it is over";
}

TEST_F(LoopTest, ShowsWhatHasNamesWhileTheNewestHasNone) {
  const auto nameless = unnamed();
  const auto seen = named("ask");
  loop_.see_in_turn(6, seen);
  loop_.see_in_turn(6, nameless);
  loop_.see_in_turn(6, nameless);
  EXPECT_EQ(loop_.known_in_turn(6), seen);
  loop_.see_in_turn(7, nameless);
  EXPECT_EQ(loop_.known_in_turn(7), nullptr) << "that was another turn";
}

TEST_F(LoopTest, AWaitForTheGilHasAHolderUntilTheNextSample) {
  const auto waiter = named("ask");
  const auto holder = named("compute");
  loop_.see_gil_wait(6, waiter, holder);
  EXPECT_EQ(loop_.known_in_turn(6), waiter);
  EXPECT_EQ(loop_.gil_holder(), holder);
  loop_.see_in_turn(6, waiter);
  EXPECT_EQ(loop_.gil_holder(), nullptr);
}

TEST_F(LoopTest, TheWaitThatItWasFoundInIsWhereItWasFound) {
  const SeenStackPtr seen = named("wait");
  EXPECT_EQ(loop_.sighted_in(kSecond), nullptr) << "it was not found in a turn";
  loop_.sight(seen, kSecond);
  EXPECT_EQ(loop_.known_in_turn(1), seen);
  loop_.add_tick(at(2), {}, named("compute"));  // of a later time, and it may come first
  EXPECT_EQ(loop_.sighted_in(kSecond), seen) << "whatever the kernel calls that turn";
  EXPECT_EQ(loop_.sighted_in(kSecond + 1), nullptr) << "a later wait, of another stack";
}

TEST_F(LoopTest, TheHolderIsForTheNextBlockOnly) {
  const auto holder = named("holder");
  loop_.set_holder(holder);
  EXPECT_EQ(loop_.take_holder(), holder);
  EXPECT_EQ(loop_.take_holder(), nullptr);
}

TEST_F(LoopTest, AStallThatItsProcesssEndCutOffIsTakenWithItsLastStack) {
  probes::LoopEnded ended;
  ended.turn_start_ns = 7;
  ended.last_turn = {true, false, true, Cause::network, 9};
  loop_.add_block(at(5), block(kMs), named("before"));
  loop_.add_block(at(5), block(150 * kMs), named("ask"));
  loop_.finish_last_turn(at(5, 2 * kSecond), ended);
  loop_.mark_ended(2 * kSecond);
  const auto finished = loop_.take_finished(2 * kSecond);
  ASSERT_TRUE(finished);
  const stalls::Turn turn = named_turn(*finished);
  EXPECT_EQ(turn.start_ns, 7u);
  EXPECT_EQ(turn.end_ns, 2 * kSecond);
  EXPECT_EQ(turn.blocks.size(), 2u);
  ASSERT_TRUE(turn.death);
  EXPECT_EQ(turn.death->signal(), 9);
  EXPECT_EQ(turn.death->last_stack->attribution.function, "ask");
}

TEST_F(LoopTest, AShortTurnThatTheEndCutOffIsNone) {
  probes::LoopEnded ended;
  ended.turn_start_ns = 7;
  loop_.finish_last_turn(at(5), ended);
  ended.last_turn = {true, false, false, Cause::network, 0};
  loop_.finish_last_turn(at(5), ended);
  EXPECT_FALSE(loop_.has_unfinished_work());
}

TEST_F(LoopTest, AnOpenSpanIsClaimedByWhereItWasSeenAndByNobodyElse) {
  stalls::LoopAccount account;
  account.activity = stalls::LoopActivity::off_cpu;
  account.current_cause = Cause::network;
  account.accounted_ns = kSecond;
  loop_.update(account, kSecond);
  loop_.see_open_span(kSecond, named("ask"));
  loop_.update(account, 2 * kSecond);
  loop_.update(account, 3 * kSecond);
  loop_.see_open_span(kSecond + 1, named("other"));
  loop_.update(account, 4 * kSecond);
  std::map<std::string, uint64_t> busy;
  for (const auto& series : service_.snapshot().functions) busy[series.function] = series.busy_ns;
  EXPECT_EQ(busy["ask"], kSecond);
  EXPECT_EQ(busy["~unsampled"], kSecond);
  EXPECT_FALSE(busy.contains("other"));
}

TEST_F(LoopTest, EndsOnce) {
  EXPECT_FALSE(loop_.has_ended());
  loop_.mark_ended(5);
  loop_.mark_ended(9);
  EXPECT_EQ(loop_.ended_ns(), 5u);
}

/// A slice of a wait for the GIL, between two times in microseconds, at an instruction.
probes::BlockEnded slice(uint64_t start_us, uint64_t end_us, int32_t instruction) {
  probes::BlockEnded block;
  block.start_ns = start_us * 1'000;
  block.blocked_ns = (end_us - start_us) * 1'000;
  block.cause = Cause::gil;
  block.syscall = "futex";
  block.stack.frames = {{0x1000, instruction, 1}};
  return block;
}

TEST_F(LoopTest, SlicesOfAWaitForTheGilAreOneWait) {
  const auto add = [&](uint64_t turn, uint64_t start_us, uint64_t end_us, int32_t instruction = 4) {
    loop_.add_block(at(turn, end_us * 1'000), slice(start_us, end_us, instruction),
                    named("crunch"));
  };
  add(5, 1'000, 6'000);
  add(5, 6'020, 11'020);
  add(5, 11'120, 12'000);
  add(5, 12'101, 13'000);     // work came between
  add(5, 13'010, 14'000, 6);  // another instruction
  loop_.add_block(at(5, 20'000'000), block(kMs), named("ask"));
  add(6, 14'010, 15'000, 6);  // another turn
  loop_.finish_turn(at(5), ended());
  const stalls::Turn turn = named_turn(*loop_.take_finished(2 * kSecond));
  std::vector<bool> continues;
  for (const stalls::BlockSample& sample : turn.blocks) continues.push_back(sample.continues);
  EXPECT_EQ(continues, (std::vector<bool>{false, true, true, false, false, false}));
  loop_.finish_turn(at(6), ended());
  EXPECT_FALSE(named_turn(*loop_.take_finished(2 * kSecond)).blocks.at(0).continues);
}

TEST_F(LoopTest, ATickInTheCollectorIsOfItsCause) {
  probes::Ticked collecting{"", {}, 7};
  collecting.stack.in_gc = true;
  loop_.add_tick(at(5), collecting, named("~gc"));
  loop_.add_tick(at(5), {"", {}, 8}, named("compute"));
  loop_.finish_turn(at(5), ended());
  const stalls::Turn turn = named_turn(*loop_.take_finished(2 * kSecond));
  EXPECT_EQ(turn.ticks.at(0).cause, Cause::gc);
  EXPECT_EQ(turn.ticks.at(0).coroutine, 7u);
  EXPECT_EQ(turn.ticks.at(1).cause, Cause::cpu);
}

}  // namespace
}  // namespace loopstall::session
