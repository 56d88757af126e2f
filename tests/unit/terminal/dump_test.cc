// SPDX-License-Identifier: Apache-2.0
#include "terminal/dump.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "sample_snapshot.h"

namespace loopstall::terminal {
namespace {

using exposition::testing::kTakenNs;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<LoopNow> loops_of(const stalls::Snapshot& snapshot) {
  return loops_now(snapshot, {kTakenNs, nullptr});
}

std::vector<LoopNow> sample_loops() { return loops_of(exposition::testing::sample_snapshot()); }

stalls::LoopState& first_loop(stalls::Snapshot& snapshot) {
  return snapshot.services.front().loops.front();
}

TEST(LoopsNow, TheOneThatHangsComesFirst) {
  const auto loops = sample_loops();
  ASSERT_EQ(loops.size(), 2u);
  EXPECT_EQ(loops[0].loop.tid, 4243u);
  EXPECT_EQ(loops[0].now.age_ns, 1'500'000'000u);
  EXPECT_EQ(loops[0].blamed.function, "save_log");
  EXPECT_THAT(loops[0].advice, HasSubstr("save_log"));
  EXPECT_EQ(loops[1].blamed.function, "") << "it is idle";
}

TEST(LoopsNow, AStackOfAnotherTurnIsNotShown) {
  exposition::testing::FixedSource source(exposition::testing::sample_snapshot());
  source.turns_by_slot[exposition::testing::kBusySlot] = {
      .start_ns = kTakenNs - 1'000'000, .number = 8, .cause = stalls::Cause::cpu};
  const auto loops = loops_now(*source.snapshot(), {kTakenNs, &source});
  EXPECT_EQ(loops[0].now.age_ns, 1'000'000u);
  EXPECT_TRUE(loops[0].loop.stack.frames.empty());
  EXPECT_EQ(loops[0].blamed.function, "");
  EXPECT_THAT(dump_text(loops), HasSubstr("not seen yet"));
}

TEST(LoopsNow, WhatTheMachineTakesIsNobodysFault) {
  auto snapshot = exposition::testing::sample_snapshot();
  first_loop(snapshot).turn.cause = stalls::Cause::throttled;
  const auto loops = loops_of(snapshot);
  EXPECT_EQ(loops[0].blamed.function, "");
  EXPECT_EQ(loops[0].advice, "");
}

TEST(LoopsNow, AWaitForTheGilIsTheHoldersFault) {
  auto snapshot = exposition::testing::sample_snapshot();
  first_loop(snapshot).gil_holder.frames = {{.function = "encode",
                                             .file = "app/work.py",
                                             .path = "/srv/app/work.py",
                                             .line = 9,
                                             .origin = stacks::Origin::application}};
  const auto loops = loops_of(snapshot);
  EXPECT_EQ(loops[0].blamed.function, "encode");
  const std::string text = dump_text(loops);
  EXPECT_THAT(text, HasSubstr("the GIL is held at\n  > encode  app/work.py:9\n"));
  EXPECT_THAT(text, Not(HasSubstr("> save_log"))) << "it only waits";
}

TEST(Dump, ShowsWhereALoopIs) {
  EXPECT_THAT(dump_text(sample_loops()),
              HasSubstr("app.main:app (uvloop), pid 4242, thread 4243\n"
                        "busy for at least 1.5 s: network, utilisation 40 %\n"
                        "held by save_log (app/log.py:12), entry upload\n"
                        "    recv_into  socket.py:706\n"
                        "    get        requests/api.py:73\n"
                        "  > save_log   app/log.py:12\n"
                        "    upload     app/main.py:48\n"
                        "advice: "));
}

TEST(Dump, ALoopThatIsIdleHasNoStack) {
  auto snapshot = exposition::testing::sample_snapshot();
  first_loop(snapshot).turn = {.idle_since_ns = kTakenNs - 12'000'000'000};
  EXPECT_THAT(dump_text(loops_of(snapshot)),
              HasSubstr("thread 4243\nidle for 12.0 s, utilisation 40 %\n\n"));
}

TEST(Dump, TargetsCannotWriteToTheTerminal) {
  auto snapshot = exposition::testing::sample_snapshot();
  auto& frame = first_loop(snapshot).stack.frames[2];
  frame.function = "evil\x1b[2J";
  frame.file = "a\nb.py";
  snapshot.services.front().labels.process = "\x1b]0;title\x07";
  const std::string text = dump_text(loops_of(snapshot));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("> evil?[2J"));
  EXPECT_THAT(text, HasSubstr("a?b.py:12"));
}

TEST(Dump, JsonHasTheSame) {
  const auto json = nlohmann::json::parse(dump_json(sample_loops(), 0));
  EXPECT_EQ(json["version"], 1);
  const auto& loop = json["loops"][0];
  EXPECT_EQ(loop["pid"], 4242);
  EXPECT_EQ(loop["state"], "busy");
  EXPECT_EQ(loop["turn_age_seconds"], 1.5);
  EXPECT_EQ(loop["function"], "save_log");
  EXPECT_EQ(loop["line"], 12);
  EXPECT_EQ(loop["stack"].size(), 4u);
  EXPECT_EQ(loop["labels"]["process"], "app.main:app");
  EXPECT_EQ(json["loops"][1]["state"], "idle");
  EXPECT_EQ(json["loops"][1]["function"], "");
}

}  // namespace
}  // namespace loopstall::terminal
