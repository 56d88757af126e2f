// SPDX-License-Identifier: Apache-2.0
#include "probes/syscalls.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <set>

#include "wire/wire.h"

namespace loopstall::probes {
namespace {

using stalls::Cause;

uint32_t rule_of(std::string_view name) {
  for (const SyscallRule& rule : syscall_rules()) {
    if (rule.name == name) return rule.rule;
  }
  ADD_FAILURE() << name << " has no rule";
  return LS_RULE_OTHER;
}

TEST(Syscalls, NoNumberAndNoNameTwice) {
  std::set<uint32_t> numbers;
  std::set<std::string_view> names;
  for (const SyscallRule& rule : syscall_rules()) {
    EXPECT_TRUE(numbers.insert(rule.number).second) << rule.name;
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
  }
  EXPECT_GT(numbers.size(), 50u);
}

TEST(Syscalls, RulesFitTheMapAndTheEnumeration) {
  for (const SyscallRule& rule : syscall_rules()) {
    EXPECT_LT(rule.number, uint32_t{LS_MAX_SYSCALLS}) << rule.name;
    EXPECT_LE(rule.rule, uint32_t{LS_RULE_RESTART}) << rule.name;
  }
}

TEST(Syscalls, NamesAreThoseOfTheKernelsHeaders) {
  EXPECT_EQ(syscall_name(SYS_recvfrom), "recvfrom");
  EXPECT_EQ(syscall_name(SYS_futex), "futex");
  EXPECT_EQ(syscall_name(SYS_clock_nanosleep), "clock_nanosleep");
  EXPECT_EQ(syscall_name(SYS_read), "read");
}

TEST(Syscalls, EveryNumberHasAName) {
  EXPECT_EQ(syscall_name(LS_NO_SYSCALL), "");
  for (uint32_t number = 0; number < LS_MAX_SYSCALLS; ++number) {
    EXPECT_FALSE(syscall_name(number).empty());
  }
  EXPECT_EQ(syscall_name(511), "syscall_511");
}

TEST(Syscalls, BlockingCallsOfTheTablesHiddenBlockingHaveTheirRules) {
  EXPECT_EQ(rule_of("recvfrom"), uint32_t{LS_RULE_NETWORK});
  EXPECT_EQ(rule_of("connect"), uint32_t{LS_RULE_NETWORK});
  EXPECT_EQ(rule_of("clock_nanosleep"), uint32_t{LS_RULE_SLEEP});
  EXPECT_EQ(rule_of("read"), uint32_t{LS_RULE_FD});
  EXPECT_EQ(rule_of("fsync"), uint32_t{LS_RULE_FD});
  EXPECT_EQ(rule_of("openat"), uint32_t{LS_RULE_FILE});
  EXPECT_EQ(rule_of("wait4"), uint32_t{LS_RULE_PROCESS});
  EXPECT_EQ(rule_of("futex"), uint32_t{LS_RULE_FUTEX});
  EXPECT_EQ(rule_of("ppoll"), uint32_t{LS_RULE_POLL});
  EXPECT_EQ(rule_of("pselect6"), uint32_t{LS_RULE_SELECT});
  EXPECT_EQ(rule_of("epoll_pwait"), uint32_t{LS_RULE_EPOLL});
  EXPECT_EQ(rule_of("restart_syscall"), uint32_t{LS_RULE_RESTART});
}

TEST(Syscalls, FdKindsHaveDistinctNames) {
  std::set<std::string_view> names;
  for (uint32_t kind = LS_FD_NONE + 1; kind < LS_FD_KINDS; ++kind) {
    EXPECT_FALSE(fd_kind_name(kind).empty());
    EXPECT_TRUE(names.insert(fd_kind_name(kind)).second) << fd_kind_name(kind);
  }
  EXPECT_EQ(fd_kind_name(LS_FD_NONE), "");
  EXPECT_EQ(fd_kind_name(LS_FD_SOCKET), "socket");
  EXPECT_EQ(fd_kind_name(LS_FD_TIMERFD), "timerfd");
  EXPECT_EQ(fd_kind_name(LS_FD_KINDS), "");
}

TEST(Syscalls, CauseOfAWaitSeenFromOutside) {
  EXPECT_EQ(cause_of_wait(SYS_clock_nanosleep, ""), Cause::sleep);
  EXPECT_EQ(cause_of_wait(SYS_recvfrom, "socket:[1]"), Cause::network);
  EXPECT_EQ(cause_of_wait(SYS_futex, ""), Cause::lock);
  EXPECT_EQ(cause_of_wait(SYS_wait4, ""), Cause::process);
  EXPECT_EQ(cause_of_wait(SYS_fsync, "/srv/data"), Cause::file);
  EXPECT_EQ(cause_of_wait(SYS_read, "socket:[1]"), Cause::network);
  EXPECT_EQ(cause_of_wait(SYS_read, "pipe:[1]"), Cause::pipe);
  EXPECT_EQ(cause_of_wait(SYS_read, "/srv/data (deleted)"), Cause::file);
  EXPECT_EQ(cause_of_wait(SYS_read, "/dev/pts/0"), Cause::pipe);
  EXPECT_EQ(cause_of_wait(SYS_read, "anon_inode:[eventfd]"), Cause::pipe);
  EXPECT_EQ(cause_of_wait(SYS_read, "anon_inode:[timerfd]"), Cause::sleep);
  EXPECT_EQ(cause_of_wait(SYS_ppoll, "socket:[1]"), Cause::network);
  EXPECT_EQ(cause_of_wait(SYS_read, ""), Cause::other);
  EXPECT_EQ(cause_of_wait(500, "socket:[1]"), Cause::other);
}

TEST(Syscalls, EpollWaits) {
  EXPECT_TRUE(is_epoll_wait(SYS_epoll_pwait));
#ifdef SYS_epoll_wait
  EXPECT_TRUE(is_epoll_wait(SYS_epoll_wait));
#endif
  EXPECT_FALSE(is_epoll_wait(SYS_epoll_ctl));
  EXPECT_FALSE(is_epoll_wait(SYS_ppoll));
  EXPECT_FALSE(is_epoll_wait(LS_NO_SYSCALL));
}

}  // namespace
}  // namespace loopstall::probes
