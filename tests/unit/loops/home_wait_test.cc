// SPDX-License-Identifier: Apache-2.0
#include "loops/home_wait.h"

#include <gtest/gtest.h>

namespace loopstall::loops {
namespace {

using Stack = std::vector<FrameName>;

constexpr FrameName kSelect{"EpollSelector.select", "/usr/lib/python3.11/selectors.py"};
constexpr FrameName kRunOnce{"BaseEventLoop._run_once",
                             "/usr/lib/python3.11/asyncio/base_events.py"};
constexpr FrameName kRunForever{"BaseEventLoop.run_forever",
                                "/usr/lib/python3.11/asyncio/base_events.py"};
constexpr FrameName kUntilComplete{"BaseEventLoop.run_until_complete",
                                   "/usr/lib/python3.11/asyncio/base_events.py"};
constexpr FrameName kRunner{"Runner.run", "/usr/lib/python3.11/asyncio/runners.py"};
constexpr FrameName kHandle{"Handle._run", "/usr/lib/python3.11/asyncio/events.py"};
constexpr FrameName kEndpoint{"upload", "/srv/app/main.py"};
constexpr FrameName kMain{"<module>", "/srv/app/main.py"};

Stack operator+(Stack inner, const Stack& outer) {
  inner.insert(inner.end(), outer.begin(), outer.end());
  return inner;
}

const Stack kAsyncioLoop = {kRunOnce, kRunForever, kUntilComplete, kRunner, kMain};
const Stack kUvloop = {kRunner, kMain};

struct Case {
  const char* name;
  Stack stack;
  uint32_t max_events;
  bool process_has_uvloop;
  RuntimeKind kind;
};

class HomeWait : public ::testing::TestWithParam<Case> {};

TEST_P(HomeWait, IsJudged) {
  const Case& one = GetParam();
  EXPECT_EQ(judge_epoll_wait({one.stack, one.max_events, one.process_has_uvloop}), one.kind);
}

INSTANTIATE_TEST_SUITE_P(
    Rules, HomeWait,
    ::testing::Values(
        Case{"AsyncioSelect", Stack{kSelect} + kAsyncioLoop, 3, false, RuntimeKind::asyncio},
        Case{"AsyncioWithPlainNamesBefore311",
             {{"select", "/usr/lib/python3.8/selectors.py"},
              {"_run_once", "/usr/lib/python3.8/asyncio/base_events.py"},
              {"run_forever", "/usr/lib/python3.8/asyncio/base_events.py"}},
             3,
             false,
             RuntimeKind::asyncio},
        Case{"AsyncioInAProcessThatAlsoHasUvloop", Stack{kSelect} + kAsyncioLoop, 1024, true,
             RuntimeKind::asyncio},
        Case{"ApplicationsOwnSelectorSubclass",
             Stack{kSelect, {"CountingSelector.select", "/srv/app/loop.py"}} + kAsyncioLoop, 3,
             false, RuntimeKind::asyncio},
        Case{"ApplicationsOwnSelectorWithoutTheStandardOne",
             Stack{{"MySelector.select", "/srv/app/loop.py"}} + kAsyncioLoop, 3, false,
             RuntimeKind::asyncio},
        Case{"KafkaPythonsPrivateSelector",
             Stack{kSelect,
                   {"KafkaClient._poll", "/v/site-packages/kafka/client_async.py"},
                   {"KafkaClient.poll", "/v/site-packages/kafka/client_async.py"},
                   kEndpoint,
                   kHandle} +
                 kAsyncioLoop,
             2, false, RuntimeKind::none},
        Case{"Psycopg3sPrivateSelector",
             Stack{kSelect,
                   {"wait_selector", "/v/site-packages/psycopg/waiting.py"},
                   {"Connection.wait", "/v/site-packages/psycopg/connection.py"},
                   kEndpoint,
                   kHandle} +
                 kAsyncioLoop,
             1, false, RuntimeKind::none},
        Case{"AnEndpointsOwnSelector", Stack{kSelect, kEndpoint, kHandle} + kAsyncioLoop, 1, false,
             RuntimeKind::none},
        Case{"AnEndpointNamedSelect",
             Stack{kSelect, {"select", "/srv/app/db.py"}, kHandle} + kAsyncioLoop, 1, false,
             RuntimeKind::none},
        Case{"SubprocessCommunicate",
             Stack{kSelect,
                   {"Popen._communicate", "/usr/lib/python3.11/subprocess.py"},
                   kEndpoint,
                   kHandle} +
                 kAsyncioLoop,
             2, false, RuntimeKind::none},
        Case{"RunOnceOfTheApplication",
             {kSelect, {"_run_once", "/srv/app/base_events.py"}, kMain},
             3,
             false,
             RuntimeKind::none},
        Case{"SelectOfAFileThatOnlyEndsAlike",
             {{"select", "/srv/app/my_selectors.py"}, {"my_run_once", kRunOnce.path}, kMain},
             3,
             false,
             RuntimeKind::none},
        Case{"WaitDirectlyUnderTheLoopThatIsNoSelect",
             Stack{{"BaseEventLoop.call_soon", kRunOnce.path}} + kAsyncioLoop, 3, false,
             RuntimeKind::none},
        Case{"Trio",
             {{"EpollIOManager.get_events", "/v/trio/_core/_io_epoll.py"},
              {"run", "/v/trio/_core/_run.py"},
              kMain},
             3,
             false,
             RuntimeKind::trio},
        Case{"TrioAsTheGuestOfAnotherLoop",
             {{"EpollIOManager.get_events", "/v/trio/_core/_io_epoll.py"},
              {"get_events", "/v/trio/_core/_run.py"},
              {"_work", "/v/trio/_core/_thread_cache.py"}},
             3,
             false,
             RuntimeKind::none},
        Case{"UvloopUnderItsRunner", kUvloop, 1024, true, RuntimeKind::uvloop},
        Case{"UvloopUnderRunUntilComplete", {kMain}, 1024, true, RuntimeKind::uvloop},
        Case{"LibuvWithoutUvloop", kUvloop, 1024, false, RuntimeKind::none},
        Case{"OtherMaxEventsUnderUvloop", kUvloop, 64, true, RuntimeKind::none},
        Case{"OneLessThanLibuv", kUvloop, 1023, true, RuntimeKind::none},
        Case{"PythonSelectorAtTheLeafUnderUvloop", Stack{kSelect, kEndpoint} + kUvloop, 1024, true,
             RuntimeKind::none},
        Case{"NoFrames", {}, 1024, true, RuntimeKind::none},
        Case{"OnlyASelector", {kSelect}, 1, false, RuntimeKind::none},
        Case{"OnlyALoop", {kRunOnce}, 1, false, RuntimeKind::none},
        Case{"EmptyNames", {{"", ""}, {"", ""}}, 0, false, RuntimeKind::none}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Remembered, OnlyWhatTheInnermostFramesDecide) {
  EXPECT_TRUE(is_decided_by({Stack{kSelect} + kAsyncioLoop, 3, false}, 3));
  EXPECT_TRUE(is_decided_by({Stack{kEndpoint}, 3, false}, 3));
  const FrameName own{"MySelector.select", "/srv/app/loop.py"};
  EXPECT_TRUE(is_decided_by({Stack{kSelect, own} + kAsyncioLoop, 3, false}, 3));
  EXPECT_FALSE(is_decided_by({Stack{kSelect, own, own} + kAsyncioLoop, 3, false}, 3));
  EXPECT_FALSE(is_decided_by({{}, 3, false}, 3));
  // uvloop may be imported later.
  EXPECT_FALSE(is_decided_by({kUvloop, 1024, false}, 3));
  EXPECT_TRUE(is_decided_by({kUvloop, 1024, true}, 3));
}

TEST(EpollWait, WhatCouldNotBeReadIsNoVerdict) {
  const FrameName unread{"", ""};
  EXPECT_TRUE(is_undecidable({Stack{kSelect, unread} + kAsyncioLoop, 3, false}));
  EXPECT_TRUE(is_undecidable({Stack{unread, kSelect} + kAsyncioLoop, 3, false}));
  EXPECT_FALSE(is_decided_by({Stack{kSelect, unread} + kAsyncioLoop, 3, false}, 3));
  // What is unread further out changes nothing.
  EXPECT_FALSE(is_undecidable({Stack{kEndpoint, unread}, 3, false}));
  EXPECT_TRUE(is_decided_by({Stack{kEndpoint, unread}, 3, false}, 3));
  EXPECT_FALSE(is_undecidable({{}, 3, false}));
}

TEST(RunningThread, InItsHomeWait) {
  const LoopSighting sighting =
      judge_running_thread({Stack{kSelect} + kAsyncioLoop, 3, false}, true);
  EXPECT_EQ(sighting.kind, RuntimeKind::asyncio);
  EXPECT_TRUE(sighting.in_home_wait);
}

TEST(RunningThread, InACallbackOfItsLoop) {
  const LoopSighting sighting =
      judge_running_thread({Stack{kEndpoint, kHandle} + kAsyncioLoop, 0, false}, false);
  EXPECT_EQ(sighting.kind, RuntimeKind::asyncio);
  EXPECT_FALSE(sighting.in_home_wait);
}

TEST(RunningThread, InsideThePrivateSelectorOfAClientIsInATurn) {
  const LoopSighting sighting =
      judge_running_thread({Stack{kSelect, kEndpoint, kHandle} + kAsyncioLoop, 1, false}, true);
  EXPECT_EQ(sighting.kind, RuntimeKind::asyncio);
  EXPECT_FALSE(sighting.in_home_wait);
}

TEST(RunningThread, InsideSelectButNotInEpollIsInATurn) {
  // select() computes before and after its system call.
  EXPECT_FALSE(judge_running_thread({Stack{kSelect} + kAsyncioLoop, 0, false}, false).in_home_wait);
}

TEST(RunningThread, AChildThatWasForkedInACallbackHasNoLoop) {
  const FrameName kBegin{"BaseProcess._bootstrap",
                         "/usr/lib/python3.11/multiprocessing/process.py"};
  const FrameName kWorker{"_process_worker", "/usr/lib/python3.11/concurrent/futures/process.py"};
  const Stack inherited = Stack{kBegin, kEndpoint, kHandle} + kAsyncioLoop;
  EXPECT_EQ(judge_running_thread({Stack{kWorker} + inherited, 0, false}, false).kind,
            RuntimeKind::none);
  EXPECT_EQ(
      judge_running_thread({Stack{kWorker, kBegin, kEndpoint} + kUvloop, 0, true}, false).kind,
      RuntimeKind::none);
  // One of its own it may have.
  EXPECT_EQ(
      judge_running_thread({Stack{kEndpoint, kHandle} + kAsyncioLoop + inherited, 0, false}, false)
          .kind,
      RuntimeKind::asyncio);
}

TEST(RunningThread, UvloopIsKnownByItsRunner) {
  const LoopSighting waits = judge_running_thread({kUvloop, 1024, true}, true);
  EXPECT_EQ(waits.kind, RuntimeKind::uvloop);
  EXPECT_TRUE(waits.in_home_wait);
  const LoopSighting runs = judge_running_thread({Stack{kEndpoint} + kUvloop, 0, true}, false);
  EXPECT_EQ(runs.kind, RuntimeKind::uvloop);
  EXPECT_FALSE(runs.in_home_wait);
}

TEST(RunningThread, AfterTheLoopsEndIsNoLoop) {
  EXPECT_EQ(judge_running_thread({{kEndpoint, kMain}, 0, true}, false).kind, RuntimeKind::none);
  EXPECT_EQ(judge_running_thread({{}, 0, true}, false).kind, RuntimeKind::none);
}

TEST(RunningThread, ARunnerWithoutUvloopIsNotYetALoop) {
  EXPECT_EQ(judge_running_thread({kUvloop, 0, false}, false).kind, RuntimeKind::none);
}

TEST(RuntimeName, IsTheLabel) {
  EXPECT_EQ(runtime_name(RuntimeKind::asyncio), "asyncio");
  EXPECT_EQ(runtime_name(RuntimeKind::uvloop), "uvloop");
  EXPECT_EQ(runtime_name(RuntimeKind::trio), "trio");
  EXPECT_EQ(runtime_name(RuntimeKind::none), "none");
}

}  // namespace
}  // namespace loopstall::loops
