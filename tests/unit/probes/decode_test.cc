// SPDX-License-Identifier: Apache-2.0
#include "probes/decode.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cstring>
#include <random>
#include <vector>

#include "wire/wire.h"

namespace loopstall::probes {
namespace {

using stalls::Cause;
using Bytes = std::vector<std::byte>;

template <typename T>
Bytes bytes_of(const T& value, std::size_t size = sizeof(T)) {
  Bytes bytes(size);
  if (size != 0) std::memcpy(bytes.data(), &value, std::min(size, sizeof(T)));
  return bytes;
}

ls_event_header header(uint32_t type) { return {type, 3, 4, 100, 101, 0, 5'000, 6}; }

ls_stack_event stack_event(uint32_t type, uint32_t frames) {
  ls_stack_event event{};
  event.header = header(type);
  event.start_ns = 1;
  event.blocked_ns = 2;
  event.runqueue_ns = 3;
  event.weight_ns = 4;
  event.cause = LS_NETWORK;
  event.syscall = SYS_recvfrom;
  event.fd_kind = LS_FD_SOCKET;
  event.fd = 7;
  event.max_events = 1024;
  event.frame_count = frames;
  for (uint32_t i = 0; i < std::min<uint32_t>(frames, LS_MAX_FRAMES); ++i) {
    event.frames[i] = {0x1000u + i, static_cast<int32_t>(2 * i), 77 + i};
  }
  return event;
}

constexpr std::size_t kHead = offsetof(ls_stack_event, frames);

/// Cut behind frame_count, as the kernel side sends it.
Bytes cut(const ls_stack_event& event) {
  return bytes_of(event, kHead + event.frame_count * sizeof(ls_frame));
}

template <typename T>
T what(const Bytes& record) {
  const auto event = decode_event(record);
  EXPECT_TRUE(event.has_value());
  if (!event) return {};
  EXPECT_TRUE(std::holds_alternative<T>(event->what));
  const T* found = std::get_if<T>(&event->what);
  return found == nullptr ? T{} : *found;
}

TEST(Decode, TheOriginOfEachEvent) {
  const auto event = decode_event(bytes_of(header(LS_EVENT_ANNOUNCE)));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->origin.slot, 3u);
  EXPECT_EQ(event->origin.generation, 4u);
  EXPECT_EQ(event->origin.pid, 100u);
  EXPECT_EQ(event->origin.tid, 101u);
  EXPECT_EQ(event->origin.time_ns, 5'000u);
  EXPECT_EQ(event->origin.turn_number, 6u);
}

TEST(Decode, EventsThatAreOnlyAHeader) {
  what<Announced>(bytes_of(header(LS_EVENT_ANNOUNCE)));
  what<ProcessExited>(bytes_of(header(LS_EVENT_PROCESS_EXIT)));
  what<ProcessExeced>(bytes_of(header(LS_EVENT_PROCESS_EXEC)));
}

TEST(Decode, Block) {
  const auto block = what<BlockEnded>(cut(stack_event(LS_EVENT_BLOCK, 3)));
  EXPECT_EQ(block.start_ns, 1u);
  EXPECT_EQ(block.blocked_ns, 2u);
  EXPECT_EQ(block.runqueue_ns, 3u);
  EXPECT_EQ(block.weight_ns, 4u);
  EXPECT_EQ(block.cause, Cause::network);
  EXPECT_EQ(block.syscall, "recvfrom");
  EXPECT_EQ(block.fd_kind, "socket");
  ASSERT_EQ(block.stack.frames.size(), 3u);
  EXPECT_EQ(block.stack.frames[2], (stacks::RawFrame{0x1002, 4, 79}));
  EXPECT_FALSE(block.stack.truncated);
}

TEST(Decode, EveryCauseOfABlock) {
  for (uint32_t cause = 0; cause < LS_CAUSES; ++cause) {
    auto event = stack_event(LS_EVENT_BLOCK, 0);
    event.cause = cause;
    EXPECT_EQ(static_cast<uint32_t>(what<BlockEnded>(cut(event)).cause), cause);
  }
}

TEST(Decode, UnknownNumbersHaveHarmlessMeanings) {
  auto event = stack_event(LS_EVENT_BLOCK, 0);
  event.cause = LS_CAUSES;
  event.fd_kind = LS_FD_KINDS;
  event.syscall = LS_NO_SYSCALL;
  const auto block = what<BlockEnded>(cut(event));
  EXPECT_EQ(block.cause, Cause::other);
  EXPECT_EQ(block.fd_kind, "");
  EXPECT_EQ(block.syscall, "");
}

TEST(Decode, TheCoroutineAndTheCollector) {
  auto event = stack_event(LS_EVENT_TICK, 1);
  event.coroutine = 0x7f00;
  event.flags = LS_STACK_IN_GC;
  EXPECT_EQ(what<Ticked>(cut(event)).coroutine, 0x7f00u);
  EXPECT_TRUE(what<Ticked>(cut(event)).stack.in_gc);
  event.header.type = LS_EVENT_BLOCK;
  event.flags = 0;
  EXPECT_EQ(what<BlockEnded>(cut(event)).coroutine, 0x7f00u);
  EXPECT_FALSE(what<BlockEnded>(cut(event)).stack.in_gc);
}

TEST(Decode, TheTask) {
  auto event = stack_event(LS_EVENT_TICK, 1);
  event.coroutine = 0x7f00;
  event.task_kind = LS_TASK_NUMBER;
  event.task_name[16] = 1 << 3;
  event.task_name[24] = 42;
  EXPECT_EQ(what<Ticked>(cut(event)).task, "Task-42");
  event.header.type = LS_EVENT_BLOCK;
  EXPECT_EQ(what<BlockEnded>(cut(event)).task, "Task-42");
  event.task_kind = LS_TASK_TEXT;
  EXPECT_EQ(what<BlockEnded>(cut(event)).task, "") << "these are no str's bytes";
  event.task_kind = LS_TASK_NUMBER;
  event.coroutine = 0;
  EXPECT_EQ(what<BlockEnded>(cut(event)).task, "") << "left over from the stack before";
  event.coroutine = 0x7f00;
  event.task_kind = LS_TASK_UNKNOWN;
  EXPECT_EQ(what<BlockEnded>(cut(event)).task, "");
}

TEST(Decode, CandidateHolderAndTick) {
  const auto candidate = what<Candidate>(cut(stack_event(LS_EVENT_CANDIDATE, 2)));
  EXPECT_EQ(candidate.question, 1u);
  EXPECT_EQ(candidate.fd, 7);
  EXPECT_EQ(candidate.max_events, 1024u);
  EXPECT_EQ(candidate.stack.frames.size(), 2u);
  EXPECT_EQ(what<HolderSeen>(cut(stack_event(LS_EVENT_HOLDER, 5))).stack.frames.size(), 5u);
  const auto tick = what<Ticked>(cut(stack_event(LS_EVENT_TICK, 1)));
  EXPECT_EQ(tick.syscall, "recvfrom");
  EXPECT_EQ(tick.stack.frames.size(), 1u);
}

TEST(Decode, TurnEnd) {
  ls_turn_event event{};
  event.header = header(LS_EVENT_TURN_END);
  event.start_ns = 4'000;
  for (uint32_t i = 0; i < LS_CAUSES; ++i) event.cause_ns[i] = 10 + i;
  event.phase = LS_SERVING;
  event.flags = LS_TURN_AT_LEAST;
  event.is_long = 1;
  event.dominant_cause = LS_GIL;
  const auto ended = what<TurnEnded>(bytes_of(event));
  EXPECT_EQ(ended.start_ns, 4'000u);
  EXPECT_EQ(ended.cause_ns[stalls::index(Cause::cpu)], 10u);
  EXPECT_EQ(ended.cause_ns[stalls::index(Cause::other)], 10u + LS_OTHER);
  EXPECT_TRUE(ended.serving);
  EXPECT_TRUE(ended.at_least);
  EXPECT_TRUE(ended.is_long);
  EXPECT_EQ(ended.dominant, Cause::gil);
  event.phase = LS_STARTUP;
  event.flags = 0;
  event.is_long = 0;
  const auto startup = what<TurnEnded>(bytes_of(event));
  EXPECT_FALSE(startup.serving);
  EXPECT_FALSE(startup.at_least);
  EXPECT_FALSE(startup.is_long);
}

TEST(Decode, DelayedEvents) {
  EXPECT_EQ(what<EventsDelayed>(bytes_of(ls_delayed_event{header(LS_EVENT_DELAYED), 9})).count, 9u);
}

TEST(Decode, LoopEnd) {
  ls_loop_end_event event{};
  event.header = header(LS_EVENT_LOOP_END);
  event.turn_start_ns = 12;
  event.cause_ns[LS_SLEEP] = 13;
  const auto ended = what<LoopEnded>(bytes_of(event));
  EXPECT_EQ(ended.turn_start_ns, 12u);
  EXPECT_EQ(ended.cause_ns[stalls::index(Cause::sleep)], 13u);
  EXPECT_FALSE(ended.last_turn) << "it was closed";
}

TEST(Decode, TheTurnThatAnExitCutOff) {
  ls_loop_end_event event{};
  event.header = header(LS_EVENT_LOOP_END);
  event.turn_start_ns = 12;
  event.reason = LS_END_EXIT;
  event.phase = LS_SERVING;
  event.flags = LS_TURN_AT_LEAST;
  event.is_long = 1;
  event.dominant_cause = LS_SLEEP;
  event.exit_code = 9;
  const auto last = what<LoopEnded>(bytes_of(event)).last_turn;
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->serving);
  EXPECT_TRUE(last->at_least);
  EXPECT_TRUE(last->is_long);
  EXPECT_EQ(last->dominant, Cause::sleep);
  EXPECT_EQ(last->exit_code, 9u);
  event.turn_start_ns = 0;
  EXPECT_FALSE(what<LoopEnded>(bytes_of(event)).last_turn) << "it was idle";
}

TEST(Decode, LoopBegin) {
  ls_loop_begin_event event{};
  event.header = header(LS_EVENT_LOOP_BEGIN);
  event.runtime = 3;
  EXPECT_EQ(what<LoopBegan>(bytes_of(event)).runtime, 3u);
  EXPECT_FALSE(what<LoopBegan>(bytes_of(event)).polls);
  for (const uint32_t kind : {LS_WAIT_POLL, LS_WAIT_SELECT}) {
    event.wait_kind = kind;
    EXPECT_TRUE(what<LoopBegan>(bytes_of(event)).polls);
  }
}

TEST(Decode, Unheard) {
  ls_unheard_event event{header(LS_EVENT_UNHEARD), 4, 5, 6, {}};
  event.busy_ns[LS_SLEEP] = 7;
  const auto unheard = what<LoopUnheard>(bytes_of(event));
  EXPECT_EQ(unheard.question, 4u);
  EXPECT_EQ(unheard.idle_ns, 5u);
  EXPECT_EQ(unheard.startup_ns, 6u);
  EXPECT_EQ(unheard.busy_ns[stalls::index(Cause::sleep)], 7u);
}

TEST(Decode, RecordsThatAreTooShortAreRejected) {
  const std::vector<std::pair<uint32_t, std::size_t>> whole = {
      {LS_EVENT_ANNOUNCE, sizeof(ls_event_header)},
      {LS_EVENT_CANDIDATE, kHead},
      {LS_EVENT_BLOCK, kHead},
      {LS_EVENT_HOLDER, kHead},
      {LS_EVENT_TICK, kHead},
      {LS_EVENT_TURN_END, sizeof(ls_turn_event)},
      {LS_EVENT_DELAYED, sizeof(ls_delayed_event)},
      {LS_EVENT_LOOP_END, sizeof(ls_loop_end_event)},
      {LS_EVENT_LOOP_BEGIN, sizeof(ls_loop_begin_event)},
      {LS_EVENT_UNHEARD, sizeof(ls_unheard_event)},
      {LS_EVENT_PROCESS_EXIT, sizeof(ls_event_header)},
      {LS_EVENT_PROCESS_EXEC, sizeof(ls_event_header)}};
  for (const auto& [type, size] : whole) {
    EXPECT_TRUE(decode_event(bytes_of(header(type), size))) << "type " << type;
    // Exactly as long as it says: a sanitizer sees a read beyond it.
    for (std::size_t less = 0; less < size; ++less) {
      EXPECT_FALSE(decode_event(bytes_of(header(type), less))) << "type " << type << ", " << less;
    }
  }
}

TEST(Decode, UnknownTypesAreRejected) {
  const Bytes zeros(sizeof(ls_stack_event));
  EXPECT_FALSE(decode_event(zeros));
  for (const uint32_t type : {0u, LS_EVENT_UNHEARD + 1u, 0xffffffffu}) {
    EXPECT_FALSE(decode_event(bytes_of(stack_event(type, 2))));
  }
}

TEST(Decode, MoreFramesThanTheRecordHoldsAreATruncatedStack) {
  auto event = stack_event(LS_EVENT_BLOCK, 5);
  event.frame_count = 5'000'000;
  const auto block = what<BlockEnded>(bytes_of(event, kHead + 5 * sizeof(ls_frame)));
  EXPECT_EQ(block.stack.frames.size(), 5u);
  EXPECT_TRUE(block.stack.truncated) << "its outermost frame must not become the entry";
  // Half a frame is none.
  const auto less = what<BlockEnded>(bytes_of(event, kHead + 3 * sizeof(ls_frame) + 8));
  EXPECT_EQ(less.stack.frames.size(), 3u);
  // A record that is longer than any event can be.
  event.frame_count = 0xffffffff;
  const auto most = what<BlockEnded>(bytes_of(event, sizeof event + 64));
  EXPECT_LE(most.stack.frames.size(), std::size_t{LS_MAX_FRAMES});
}

TEST(Decode, FewerFramesThanTheRecordHolds) {
  auto event = stack_event(LS_EVENT_TICK, 9);
  event.frame_count = 2;
  const auto tick = what<Ticked>(bytes_of(event));
  EXPECT_EQ(tick.stack.frames.size(), 2u);
  EXPECT_FALSE(tick.stack.truncated);
}

TEST(Decode, FramesWithoutCodeAreDropped) {
  auto event = stack_event(LS_EVENT_TICK, 5);
  event.frames[0].code = event.frames[3].code = 0;
  const auto tick = what<Ticked>(cut(event));
  ASSERT_EQ(tick.stack.frames.size(), 3u);
  EXPECT_EQ(tick.stack.frames[0].code, 0x1001u);
  EXPECT_EQ(tick.stack.frames[2].code, 0x1004u);
}

TEST(Decode, OnlyALostOuterPartMakesAStackTruncated) {
  for (uint32_t error = 0; error < LS_WALK_ERRORS; ++error) {
    auto event = stack_event(LS_EVENT_TICK, 1);
    event.walk_error = error;
    EXPECT_EQ(what<Ticked>(cut(event)).stack.truncated,
              error == LS_WALK_TRUNCATED || error == LS_WALK_TOO_DEEP);
  }
}

TEST(Decode, GarbageIsDecodedOrRejectedWithinBounds) {
  std::mt19937 random(1);
  int decoded = 0;
  for (int i = 0; i < 20'000; ++i) {
    Bytes record(random() % (sizeof(ls_stack_event) + 64));
    for (std::byte& byte : record) byte = static_cast<std::byte>(random());
    if (record.size() >= 4 && i % 2 == 0) {
      const uint32_t type = random() % 12;
      std::memcpy(record.data(), &type, sizeof type);
    }
    const auto event = decode_event(record);
    if (!event) continue;
    ++decoded;
    if (const auto* block = std::get_if<BlockEnded>(&event->what)) {
      EXPECT_LE(block->stack.frames.size(), std::size_t{LS_MAX_FRAMES});
      EXPECT_LT(stalls::index(block->cause), stalls::kCauseCount);
    }
  }
  EXPECT_GT(decoded, 1'000);
}

TEST(DecodeSlot, EveryField) {
  ls_slot slot{};
  slot.state = LS_SLOT_OFF_CPU;
  slot.generation = 2;
  slot.birth_ns = 3;
  slot.accounted_ns = 4;
  slot.switched_in_ns = 5;
  slot.current_cause = LS_FILE;
  slot.turn_start_ns = 6;
  slot.turn_number = 7;
  slot.phase = LS_SERVING;
  slot.turn_flags = LS_TURN_AT_LEAST;
  slot.idle_ns = 8;
  slot.startup_ns = 9;
  slot.timer_lag_sum_ns = 13;
  slot.ready_events = 11;
  slot.delayed_events = 12;
  for (uint32_t i = 0; i < LS_CAUSES; ++i) {
    slot.busy_ns[i] = 100 + i;
    slot.stalls[i] = 200 + i;
    slot.stall_ns[i] = 300 + i;
  }
  for (uint32_t i = 0; i < LS_BUCKETS; ++i) {
    slot.turn_buckets[i] = {400 + i, 600 + i};
    slot.timer_lag_buckets[i] = 500 + i;
  }
  const stalls::LoopAccount account = decode_slot(slot);
  EXPECT_EQ(account.activity, stalls::LoopActivity::off_cpu);
  EXPECT_EQ(account.generation, 2u);
  EXPECT_EQ(account.birth_ns, 3u);
  EXPECT_EQ(account.accounted_ns, 4u);
  EXPECT_EQ(account.switched_in_ns, 5u);
  EXPECT_EQ(account.current_cause, Cause::file);
  EXPECT_EQ(account.turn_start_ns, 6u);
  EXPECT_EQ(account.turn_number, 7u);
  EXPECT_TRUE(account.serving);
  EXPECT_TRUE(account.turn_at_least);
  EXPECT_EQ(account.idle_ns, 8u);
  EXPECT_EQ(account.startup_ns, 9u);
  EXPECT_EQ(account.turns.sum_ns, 15u * 600 + 105);
  EXPECT_EQ(account.timer_lag.sum_ns, 13u);
  EXPECT_EQ(account.ready_events, 11u);
  EXPECT_EQ(account.delayed_events, 12u);
  for (std::size_t i = 0; i < stalls::kCauseCount; ++i) {
    EXPECT_EQ(account.busy_ns[i], 100 + i);
    EXPECT_EQ(account.stalls[i], 200 + i);
    EXPECT_EQ(account.stall_ns[i], 300 + i);
  }
  for (std::size_t i = 0; i < stalls::kBucketCount; ++i) {
    EXPECT_EQ(account.turns.buckets[i], 400 + i);
    EXPECT_EQ(account.turn_time_ns[i], 600 + i);
    EXPECT_EQ(account.timer_lag.buckets[i], 500 + i);
  }
}

TEST(DecodeSlot, States) {
  using stalls::LoopActivity;
  const std::vector<std::pair<uint32_t, LoopActivity>> states = {
      {LS_SLOT_FREE, LoopActivity::unborn},     {LS_SLOT_IDLE, LoopActivity::idle},
      {LS_SLOT_RUNNING, LoopActivity::running}, {LS_SLOT_OFF_CPU, LoopActivity::off_cpu},
      {LS_SLOT_ENDED, LoopActivity::ended},     {99, LoopActivity::unborn}};
  for (const auto& [state, activity] : states) {
    ls_slot slot{};
    slot.state = state;
    EXPECT_EQ(decode_slot(slot).activity, activity);
  }
}

TEST(DecodeSlot, SystemCallsAreNamedAndTheRestIsOther) {
  ls_slot slot{};
  slot.syscalls[4] = {SYS_recvfrom + 1, 0, 50};
  slot.syscalls[9] = {SYS_read + 1, 0, 60};  // number 0: why the entries hold it plus one
  slot.syscalls[11] = {SYS_futex + 1, 0, 0};
  slot.syscalls[31] = {LS_NO_SYSCALL, 0, 80};  // a number without a name
  slot.syscall_other_ns = 70;
  const auto account = decode_slot(slot);
  ASSERT_EQ(account.syscalls.size(), 3u);
  EXPECT_EQ(account.syscalls[0].name, "recvfrom");
  EXPECT_EQ(account.syscalls[0].blocked_ns, 50u);
  EXPECT_EQ(account.syscalls[1].name, "read");
  EXPECT_EQ(account.syscalls[2].name, "~other");
  EXPECT_EQ(account.syscalls[2].blocked_ns, 150u);
}

}  // namespace
}  // namespace loopstall::probes
