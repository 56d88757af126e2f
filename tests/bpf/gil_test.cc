// SPDX-License-Identifier: Apache-2.0
// Which futex words are waits for the GIL: those of its structure, and the barriers of musl's
// waiters. A victim waits on each of them in memory that is taken for a GIL.
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <set>
#include <sstream>

#include "observer.h"
#include "victim.h"

namespace loopstall::bpf_test {
namespace {

using stalls::Cause;

struct Span {
  uint64_t begin_ns = 0;
  uint64_t end_ns = 0;
};

class Gil : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root: it loads BPF programs";
    observer_ = std::make_unique<Observer>();
    ASSERT_EQ(observer_->error(), "");
  }

  /// The names of the words that the loop waited on for the GIL and for locks.
  void wait_on_all(stacks::Libc libc) {
    Victim victim = Victim::python("futexes.py", {});
    std::istringstream said(victim.hear());
    std::string word;
    uint64_t gil = 0;
    said >> word >> gil;
    ASSERT_EQ(word, "gil");
    observer_->adjust = [=](stacks::PythonProcess& process) {
      process.gil_address = gil;
      process.libc = libc;
    };
    // It waits already: its loop is known from now on.
    ASSERT_TRUE(observer_->describe_now(victim.pid()));
    observer_->seed(victim.pid(), only_epoll(victim.pid()), Cause::cpu, false);
    victim.tell("go");
    std::map<std::string, Span> waited;
    while (true) {
      std::istringstream line(victim.hear());
      Span span;
      if (!(line >> word >> span.begin_ns >> span.end_ns)) break;
      waited[word] = span;
    }
    ASSERT_EQ(word, "end");
    ASSERT_EQ(waited.size(), 14u);
    observer_->pump(100);
    for (const auto& [name, span] : waited) sort(name, span);
  }

  void sort(const std::string& name, const Span& span) {
    for (const probes::Event& event : observer_->events) {
      const auto* block = std::get_if<probes::BlockEnded>(&event.what);
      if (block == nullptr || block->syscall != "futex" || block->start_ns < span.begin_ns ||
          event.origin.time_ns > span.end_ns) {
        continue;
      }
      // The victim has one thread, so it has no other futex to wait on.
      EXPECT_GT(block->blocked_ns, 10'000'000u) << name;
      (block->cause == Cause::gil ? gil_ : other_).insert(name);
      EXPECT_TRUE(block->cause == Cause::gil || block->cause == Cause::lock) << name;
    }
  }

  std::unique_ptr<Observer> observer_;
  std::set<std::string> gil_, other_;
};

TEST_F(Gil, ItsWordsAreThoseOfItsConditionsAndMutexes) {
  wait_on_all(stacks::Libc::glibc);
  EXPECT_EQ(gil_, (std::set<std::string>{"32", "72", "76", "80", "160", "164", "168", "204"}));
  EXPECT_EQ(other_, (std::set<std::string>{"28", "208", "newest", "older", "switching", "stray"}));
}

TEST_F(Gil, MuslsWaitersSleepOnTheirOwnStacks) {
  wait_on_all(stacks::Libc::musl);
  EXPECT_EQ(gil_, (std::set<std::string>{"32", "72", "76", "80", "160", "164", "168", "204",
                                         "newest", "older", "switching"}));
  EXPECT_EQ(other_, (std::set<std::string>{"28", "208", "stray"}));
}

}  // namespace
}  // namespace loopstall::bpf_test
