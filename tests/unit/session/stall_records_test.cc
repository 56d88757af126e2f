// SPDX-License-Identifier: Apache-2.0
#include "session/stall_records.h"

#include <gtest/gtest.h>

#include <set>

#include "stacks/attribution.h"

namespace loopstall::session {
namespace {

using stalls::Cause;

constexpr uint64_t kMs = 1'000'000;

stalls::KnownStackPtr stack_of(const std::string& function) {
  stalls::KnownStack known;
  known.stack.frames = {
      {"sleep_a_while", "retry.py", "/srv/app/retry.py", 3, stacks::Origin::application},
      {"endpoint", "main.py", "/srv/app/main.py", 9, stacks::Origin::application}};
  known.attribution = stacks::attribute(known.stack);
  known.attribution.function = function;
  return std::make_shared<const stalls::KnownStack>(std::move(known));
}

stalls::BlockSample block(uint64_t blocked_ns, uint64_t runqueue_ns, uint64_t weight_ns,
                          std::string_view syscall, std::string_view fd_kind) {
  return {1, blocked_ns, runqueue_ns, weight_ns, Cause::sleep, syscall, fd_kind, stack_of("f")};
}

stalls::Turn stall() {
  stalls::Turn turn;
  turn.start_ns = 1'000;
  turn.end_ns = 1'000 + 150 * kMs;
  turn.cause_ns[stalls::index(Cause::sleep)] = 150 * kMs;
  turn.dominant = Cause::sleep;
  turn.at_least = true;
  return turn;
}

TEST(StallRecords, SaysWhatTheTurnWas) {
  const auto record = make_stall_record(stall(), {});
  EXPECT_EQ(record.phase, "serving");
  EXPECT_EQ(record.start_monotonic_ns, 1'000u);
  EXPECT_EQ(record.duration_ns, 150 * kMs);
  EXPECT_TRUE(record.at_least);
  EXPECT_EQ(record.cause, Cause::sleep);
  EXPECT_EQ(record.cause_ns[stalls::index(Cause::sleep)], 150 * kMs);
  stalls::Turn startup = stall();
  startup.serving = false;
  EXPECT_EQ(make_stall_record(startup, {}).phase, "startup");
}

TEST(StallRecords, HoldsAreDescribedInTheirOrder) {
  stalls::Hold hold;
  hold.stack = stack_of("sleep_a_while");
  hold.cause = Cause::sleep;
  hold.syscall = "clock_nanosleep";
  hold.hold_ns = 149 * kMs;
  stalls::Hold rest;
  rest.stack = stalls::reserved_stack(stacks::kUnsampled);
  rest.hold_ns = kMs;
  const auto record = make_stall_record(stall(), {hold, rest});
  ASSERT_EQ(record.holds.size(), 2u);
  const stalls::StallHold& first = record.holds[0];
  EXPECT_EQ(first.function, "sleep_a_while");
  EXPECT_EQ(first.leaf, "sleep_a_while");
  EXPECT_EQ(first.file, "retry.py");
  EXPECT_EQ(first.path, "/srv/app/retry.py");
  EXPECT_EQ(first.line, 3);
  EXPECT_EQ(first.cause, Cause::sleep);
  EXPECT_EQ(first.syscall, "clock_nanosleep");
  EXPECT_EQ(first.hold_ns, 149 * kMs);
  EXPECT_EQ(first.stack.frames.size(), 2u);
  EXPECT_FALSE(first.advice.empty());
  EXPECT_EQ(record.holds[1].function, "~unsampled");
  EXPECT_EQ(record.holds[1].file, "");
  EXPECT_EQ(record.holds[1].advice, "");
}

TEST(StallRecords, SaysHowAndWhereTheProcessEnded) {
  stalls::Turn turn = stall();
  EXPECT_FALSE(make_stall_record(turn, {}).death);
  turn.death = {9, stack_of("f")};
  auto record = make_stall_record(turn, {});
  ASSERT_TRUE(record.death);
  EXPECT_EQ(record.death->signal, "SIGKILL");
  EXPECT_EQ(record.death->stack.frames.size(), 2u);
  EXPECT_NE(
      to_json(record).find(R"("death":{"signal":"SIGKILL","stack_truncated":false,"stack":[{)"),
      std::string::npos);
  turn.death = {11 | 0x80, nullptr};  // with a core dump
  EXPECT_EQ(make_stall_record(turn, {}).death->signal, "SIGSEGV");
  turn.death = {3 << 8, nullptr};
  record = make_stall_record(turn, {});
  EXPECT_EQ(record.death->signal, "");
  EXPECT_EQ(record.death->status, 3);
  EXPECT_NE(to_json(record).find(R"("death":{"exit_status":3,)"), std::string::npos);
}

TEST(StallRecords, HoldsAreBounded) {
  stalls::Hold hold;
  hold.stack = stack_of("f");
  EXPECT_EQ(make_stall_record(stall(), std::vector<stalls::Hold>(1'000, hold)).holds.size(), 20u);
}

TEST(StallRecords, BlockedTimeAddsUpBySystemCallAndKindOfDescriptor) {
  stalls::Turn turn = stall();
  turn.blocks = {block(1 * kMs, 0, 0, "read", "pipe"), block(5 * kMs, 9 * kMs, 0, "read", "socket"),
                 block(2 * kMs, 0, 0, "read", "pipe"), block(9 * kMs, 0, 0, "", ""),
                 block(0, 9 * kMs, 0, "futex", "")};
  const auto record = make_stall_record(turn, {});
  ASSERT_EQ(record.syscalls.size(), 2u);
  EXPECT_EQ(record.syscalls[0].name, "read");
  EXPECT_EQ(record.syscalls[0].fd_kind, "socket");
  EXPECT_EQ(record.syscalls[0].blocked_ns, 5 * kMs);
  EXPECT_EQ(record.syscalls[1].fd_kind, "pipe");
  EXPECT_EQ(record.syscalls[1].blocked_ns, 3 * kMs);
}

TEST(StallRecords, AWeightCountsWithoutItsWaitForACpu) {
  stalls::Turn turn = stall();
  turn.blocks = {block(300'000, 100'000, 8 * kMs, "recvfrom", "socket")};
  const auto record = make_stall_record(turn, {});
  ASSERT_EQ(record.syscalls.size(), 1u);
  EXPECT_EQ(record.syscalls[0].blocked_ns, 6 * kMs);
}

TEST(StallIds, AreShortUrlSafeAndUnique) {
  std::set<std::string> ids;
  for (uint64_t number = 1; number <= 10'000; ++number) {
    const std::string id = stall_id(number);
    EXPECT_TRUE(ids.insert(id).second);
    EXPECT_LE(id.size(), 12u);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz"), std::string::npos);
  }
  EXPECT_EQ(stall_id(1), stall_id(1));
}

TEST(StallRecords, CountsWaitsAndNotTheirSlices) {
  stalls::Turn turn = stall();
  turn.blocks = {block(5 * kMs, 0, 0, "futex", ""), block(5 * kMs, 0, 0, "futex", ""),
                 block(5 * kMs, 0, 0, "futex", ""),
                 // A weight of 1 ms stands for four waits of 0.25.
                 block(kMs / 4, 0, kMs, "recvfrom", "socket")};
  turn.blocks[1].continues = true;
  const auto record = make_stall_record(turn, {});
  ASSERT_EQ(record.syscalls.size(), 2u);
  EXPECT_EQ(record.syscalls[0].waits, 2u);
  EXPECT_EQ(record.syscalls[0].blocked_ns, 15 * kMs);
  EXPECT_EQ(record.syscalls[1].waits, 4u);
}

TEST(StallRecords, TheCollectorHasAdviceThoughItsNameIsReserved) {
  stalls::Hold hold;
  hold.stack = stalls::reserved_stack(stacks::kGc);
  hold.cause = Cause::gc;
  EXPECT_NE(advice_of(hold).find("collector"), std::string::npos);
  hold.stack = stalls::reserved_stack(stacks::kUnsampled);
  EXPECT_EQ(advice_of(hold), "");
}

}  // namespace
}  // namespace loopstall::session
