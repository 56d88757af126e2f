// SPDX-License-Identifier: Apache-2.0
#include "stalls/account_audit.h"

#include <gtest/gtest.h>

namespace loopstall::stalls {
namespace {

/// An account and the books beside it that agree: 100 ns, of which 60 are computing, 10 waiting for
/// a CPU, 10 asleep and 20 idle; 5 of the idle time were computing inside the home wait.
struct Books {
  LoopAccount account;
  SchedulerBook book{65, 10};
  uint64_t now_ns = 1'100;

  Books() {
    account.busy_ns[index(Cause::cpu)] = 60;
    account.busy_ns[index(Cause::runqueue)] = 10;
    account.busy_ns[index(Cause::sleep)] = 10;
    account.idle_ns = 20;
  }
  std::optional<double> compared() const {
    AccountAudit audit;
    EXPECT_FALSE(audit.has_begun());
    EXPECT_FALSE(audit.compare({}, {}, 1'000));
    EXPECT_TRUE(audit.has_begun());
    return audit.compare(account, book, now_ns);
  }
};

TEST(AccountAudit, BooksThatAgreeHaveNoError) {
  Books books;
  EXPECT_EQ(books.compared(), 0.0);
  books.book.ran_ns = 60;  // none of it in the home wait
  EXPECT_EQ(books.compared(), 0.0);
  books.book.ran_ns = 80;  // all of it
  EXPECT_EQ(books.compared(), 0.0);
}

TEST(AccountAudit, TimeThatIsMissingOrTwiceIsAnError) {
  Books books;
  books.now_ns = 1'110;
  EXPECT_DOUBLE_EQ(*books.compared(), 10.0 / 110);
  books.now_ns = 1'080;
  EXPECT_DOUBLE_EQ(*books.compared(), 20.0 / 80);
}

TEST(AccountAudit, ComputingThatTheSchedulerDoesNotKnowIsAnError) {
  Books books;
  books.book.ran_ns = 57;
  EXPECT_DOUBLE_EQ(*books.compared(), 0.03);
  books.book.ran_ns = 84;  // more than fits into the home waits
  EXPECT_DOUBLE_EQ(*books.compared(), 0.04);
}

TEST(AccountAudit, TheCollectorComputesToo) {
  Books books;
  books.account.busy_ns[index(Cause::cpu)] = 20;
  books.account.busy_ns[index(Cause::gc)] = 40;
  EXPECT_EQ(books.compared(), 0.0);
}

TEST(AccountAudit, WaitingThatTheSchedulerDoesNotKnowIsAnError) {
  Books books;
  books.account.busy_ns[index(Cause::runqueue)] = 4;
  books.account.busy_ns[index(Cause::throttled)] = 6;
  EXPECT_EQ(books.compared(), 0.0);
  books.book.waited_ns = 5;
  EXPECT_DOUBLE_EQ(*books.compared(), 0.05);
  books.book.waited_ns = 35;
  EXPECT_DOUBLE_EQ(*books.compared(), 0.05);
}

TEST(AccountAudit, ComparesWhatCameSinceTheLastTime) {
  Books books;
  AccountAudit audit;
  books.book.ran_ns = 1'000;  // of a thread that is older than its loop
  EXPECT_FALSE(audit.compare(books.account, books.book, 1'100));
  EXPECT_FALSE(audit.compare(books.account, books.book, 1'100)) << "no time has passed";
  books.account.busy_ns[index(Cause::cpu)] += 50;
  books.book.ran_ns += 50;
  EXPECT_EQ(audit.compare(books.account, books.book, 1'150), 0.0);
}

TEST(AccountAudit, TheTimeBetweenTwoLoopsIsNeithersLife) {
  Books books;
  AccountAudit audit;
  EXPECT_FALSE(audit.compare({}, {}, 100));
  books.account.birth_ns = 1'000;
  EXPECT_FALSE(audit.compare(books.account, books.book, books.now_ns));
}

}  // namespace
}  // namespace loopstall::stalls
