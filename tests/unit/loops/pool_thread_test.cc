// SPDX-License-Identifier: Apache-2.0
#include "loops/pool_thread.h"

#include <gtest/gtest.h>

namespace loopstall::loops {
namespace {

using Stack = std::vector<FrameName>;

constexpr FrameName kJob{"resize", "/srv/app/main.py"};
constexpr FrameName kWorker{"_worker", "/usr/lib/python3.11/concurrent/futures/thread.py"};
constexpr FrameName kItem{"_WorkItem.run", "/usr/lib/python3.11/concurrent/futures/thread.py"};
constexpr FrameName kThreadRun{"Thread.run", "/usr/lib/python3.11/threading.py"};
constexpr FrameName kBootstrap{"Thread._bootstrap_inner", "/usr/lib/python3.11/threading.py"};
constexpr FrameName kWait{"Condition.wait", "/usr/lib/python3.11/threading.py"};
constexpr FrameName kGet{"Queue.get", "/usr/lib/python3.11/queue.py"};
constexpr FrameName kAnyio{"WorkerThread.run", "/venv/anyio/_backends/_asyncio.py"};
constexpr FrameName kTrio{"WorkerThread._work", "/venv/trio/_core/_thread_cache.py"};
constexpr FrameName kTrioJob{"WorkerThread._handle_job", "/venv/trio/_core/_thread_cache.py"};

TEST(PoolThread, OfConcurrentFutures) {
  EXPECT_EQ(judge_pool_thread({kWorker, kThreadRun, kBootstrap}), PoolThread::idle);
  EXPECT_EQ(judge_pool_thread({kJob, kItem, kWorker, kThreadRun, kBootstrap}), PoolThread::busy);
  // The job is a C function: it has no frame.
  EXPECT_EQ(judge_pool_thread({kItem, kWorker, kThreadRun, kBootstrap}), PoolThread::busy);
}

TEST(PoolThread, WithAQueueInPython) {
  EXPECT_EQ(judge_pool_thread({kWait, kGet, kWorker, kThreadRun, kBootstrap}), PoolThread::idle);
  // The job waits at a queue of its own.
  EXPECT_EQ(judge_pool_thread({kWait, kGet, kJob, kItem, kWorker, kThreadRun, kBootstrap}),
            PoolThread::busy);
}

TEST(PoolThread, OfAnyio) {
  EXPECT_EQ(judge_pool_thread({kWait, kGet, kAnyio, kBootstrap}), PoolThread::idle);
  EXPECT_EQ(judge_pool_thread({kJob, kAnyio, kBootstrap}), PoolThread::busy);
  EXPECT_EQ(judge_pool_thread({kAnyio, kBootstrap}), PoolThread::busy);
  // Before 3.11 there are no qualified names, and anyio.run() is called run, too.
  constexpr FrameName kRun{"run", "/venv/anyio/_backends/_asyncio.py"};
  EXPECT_EQ(judge_pool_thread({kJob, kRun, kBootstrap}), PoolThread::busy);
  EXPECT_EQ(judge_pool_thread({kJob, kRun, {"run", "/venv/anyio/_core/_eventloop.py"}}),
            PoolThread::none);
}

TEST(PoolThread, OfTrio) {
  EXPECT_EQ(judge_pool_thread({kTrio, kThreadRun, kBootstrap}), PoolThread::idle);
  EXPECT_EQ(judge_pool_thread({kJob, kTrioJob, kTrio, kThreadRun, kBootstrap}), PoolThread::busy);
}

TEST(PoolThread, OthersAreNone) {
  EXPECT_EQ(judge_pool_thread({}), PoolThread::none);
  EXPECT_EQ(judge_pool_thread({kJob, kThreadRun, kBootstrap}), PoolThread::none);
  EXPECT_EQ(judge_pool_thread({kWorker}), PoolThread::none) << "the outer frames were not read";
  EXPECT_EQ(judge_pool_thread({{"_worker", "/srv/app/jobs.py"}, kThreadRun}), PoolThread::none);
}

}  // namespace
}  // namespace loopstall::loops
