// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <sstream>

#include "session/recording_format.h"
#include "session/replay.h"

namespace loopstall::session {
namespace {

using recording::Json;
using stalls::Cause;

Step full_step() {
  stalls::KnownStack known;
  known.stack.frames.push_back({"save_log", "app/log.py", "/srv/app/log.py", 12,
                                stacks::Origin::application, true, stacks::FrameKind::coroutine,
                                true, stacks::Ownership::local_directory});
  known.attribution.culprit = 0;
  known.attribution.function = "save_log";
  const auto stack = std::make_shared<const stalls::KnownStack>(known);
  auto target = std::make_shared<Target>();
  target->python.pid = 7;
  target->labels = {"app", "", "prod", "shop-1", "web"};
  Inspected inspected{7, true, 8, "/usr/bin/python3", 9, TargetPtr(target), {}};
  inspected.loops.push_back(
      {7, 71, loops::RuntimeKind::uvloop, true, 5, Cause::network, false, 72, stack});
  Inspected refused{10, false, 11, "", 12, tl::unexpected(stacks::PythonRefusal::debug_build), {}};
  probes::BlockEnded block;
  block.cause = Cause::lock;
  block.syscall = "futex";
  block.stack.frames = {{0x1000, -1, 0xffffffff}};
  probes::LoopEnded ended;
  ended.last_turn = probes::LoopEnded::LastTurn{true, false, true, Cause::gil, 9};
  Step step;
  step.monotonic_ns = ~uint64_t{0};
  step.wall_ns = 2;
  step.events = {{{1, 2, 3, 4, 5, 6}, block}, {{}, ended}, {{}, probes::ProcessExited{}}};
  step.results = {inspected,
                  refused,
                  Resolved{13, stack, {{"python", "gone", 2}}},
                  Scanned{},
                  PoolCounted{7, stalls::PoolThreads{1, 2}},
                  PoolCounted{8, std::nullopt}};
  step.publishes = true;
  return step;
}

TEST(Recording, AStepIsTheSameAfterwards) {
  const Json json = recording::encode_step(full_step());
  const Step again = recording::decode_step(recording::parse_line(json.dump()));
  EXPECT_EQ(recording::encode_step(again), json);
  EXPECT_EQ(again.monotonic_ns, ~uint64_t{0});
  EXPECT_EQ(std::get<probes::BlockEnded>(again.events.at(0).what).syscall, "futex");
  const auto& inspected = std::get<Inspected>(again.results.at(0));
  EXPECT_EQ((*inspected.target)->labels.pod, "shop-1");
  EXPECT_EQ(inspected.loops.at(0).stack->attribution.function, "save_log");
  const auto& refused = std::get<Inspected>(again.results.at(1));
  EXPECT_EQ(refused.target.error(), stacks::PythonRefusal::debug_build);
  EXPECT_FALSE(refused.awaited);
  EXPECT_TRUE(std::holds_alternative<Scanned>(again.results.at(3)));
  EXPECT_EQ(std::get<PoolCounted>(again.results.at(5)).threads, std::nullopt);
}

TEST(Recording, AnAccountIsTheSameAfterwards) {
  stalls::LoopAccount account;
  account.activity = stalls::LoopActivity::off_cpu;
  account.busy_ns[3] = 4;
  account.turns.buckets[2] = 5;
  account.turn_time_ns[2] = 6;
  account.timer_lag.sum_ns = 7;
  account.syscalls = {{"recvfrom", 8}};
  const Json json = recording::encode(std::optional(account));
  EXPECT_EQ(recording::encode(recording::decode<std::optional<stalls::LoopAccount>>(json)), json);
  EXPECT_TRUE(recording::encode(std::optional<stalls::LoopAccount>()).is_null());
}

base::Result<Replayed> replay_of(const std::string& text) {
  std::istringstream file(text);
  return replay(file);
}

std::string with_step(const Json& step) {
  config::Config config;
  config.sample_rate_hz = config::kUsualRateHz;  // decided, as it is once anything is measured
  return recording::header(config) + "\n" + step.dump() + "\n" + std::string(recording::kEnd) +
         "\n";
}

TEST(Replay, OfAnAgentThatSawNothing) {
  Json step = recording::encode_step({});
  step["answers"] = {{"slot_count", {10}}, {"first_record", {1}}};
  const auto replayed = replay_of(with_step(step));
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_TRUE(replayed->is_whole);
  EXPECT_TRUE(replayed->snapshot.services.empty());
}

TEST(Replay, OfARecordingThatWasCutOff) {
  const std::string whole = with_step(recording::encode_step({}));
  const auto replayed = replay_of(whole.substr(0, whole.size() - 5));
  ASSERT_TRUE(replayed);
  EXPECT_FALSE(replayed->is_whole);
}

TEST(Replay, RefusesWhatIsNoRecording) {
  for (const std::string text : {"", "no JSON\n", "{}\n", "[1]\n", "\n\n",
                                 R"({"loopstall_recording":"1"})"
                                 "\n"}) {
    const auto replayed = replay_of(text);
    ASSERT_FALSE(replayed) << text;
    EXPECT_NE(replayed.error().message.find("no recording"), std::string::npos);
    EXPECT_EQ(replayed.error().kind, base::ErrorKind::usage);
  }
}

TEST(Replay, RefusesAnotherVersion) {
  const auto replayed = replay_of(R"({"loopstall_recording":2,"config":{}})"
                                  "\n");
  ASSERT_FALSE(replayed);
  EXPECT_NE(replayed.error().message.find("of version 2"), std::string::npos);
}

void expect_refused(const Json& step) {
  const auto replayed = replay_of(with_step(step));
  ASSERT_FALSE(replayed) << step;
  EXPECT_NE(replayed.error().message.find("does not hang together"), std::string::npos);
}

// A recording may come from a stranger.
TEST(Replay, RefusesWhatDoesNotFit) {
  const Json good = recording::encode_step(full_step());
  ASSERT_TRUE(replay_of(with_step(good)));
  const std::vector<std::pair<const char*, Json>> bad = {
      {"/now", -1},
      {"/now", "1"},
      {"/publishes", 1},
      {"/events/0/what/0", 99},
      {"/events/0/what/1/cause", 14},
      {"/events/0/origin/pid", 4'294'967'296},
      {"/events/1/what/1/causes", {1, 2}},
      {"/results/0/1/target/value", nullptr},
      {"/results/0/1/loops/0/kind", 4},
      {"/results/2/1/stack/attribution/culprit", 1},
      {"/results/2/1/stack/stack/frames/0/origin", 5}};
  for (const auto& [place, value] : bad) {
    Json step = good;
    step[Json::json_pointer(place)] = value;
    expect_refused(step);
  }
  Json lacking = good;
  lacking.erase("answers");
  expect_refused(lacking);
}

TEST(Replay, RefusesDeepNesting) {
  const auto replayed = replay_of(recording::header({}) + "\n" + std::string(100'000, '[') + "\n");
  ASSERT_FALSE(replayed);
}

}  // namespace
}  // namespace loopstall::session
