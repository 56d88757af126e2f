// SPDX-License-Identifier: Apache-2.0
#include "exposition/flame_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace loopstall::exposition {
namespace {

using nlohmann::json;
using stalls::Cause;

constexpr uint64_t kMs = 1'000'000;

stacks::Frame frame(std::string function, std::string file) {
  stacks::Frame frame;
  frame.function = std::move(function);
  frame.file = std::move(file);
  return frame;
}

std::shared_ptr<const stalls::StallRecord> stall(std::string leaf, uint64_t hold_ms, Cause cause) {
  stalls::StallRecord record;
  record.labels.process = "app";
  record.cause = cause;
  stalls::StallHold hold;
  hold.function = leaf;
  hold.hold_ns = hold_ms * kMs;
  hold.stack.frames = {frame(std::move(leaf), "b.py"), frame("main", "a.py")};
  record.holds = {hold};
  return std::make_shared<const stalls::StallRecord>(std::move(record));
}

stalls::Snapshot sample() {
  stalls::Snapshot snapshot;
  snapshot.stalls = {stall("read", 100, Cause::file), stall("wait", 50, Cause::network),
                     stall("read", 30, Cause::file)};
  return snapshot;
}

json flame(const StallFilter& filter = {}) { return json::parse(flame_json(sample(), filter)); }

TEST(FlameJson, MergesStacksFromTheOutermostFrame) {
  const json document = flame();
  EXPECT_EQ(document["version"], 1);
  EXPECT_EQ(document["stalls"], 3);
  EXPECT_EQ(document["tree"]["value"], 180'000);
  ASSERT_EQ(document["tree"]["children"].size(), 1u);
  const json& main = document["tree"]["children"][0];
  EXPECT_EQ(main["name"], "main");
  EXPECT_EQ(main["file"], "a.py");
  EXPECT_EQ(main["value"], 180'000);
  ASSERT_EQ(main["children"].size(), 2u);
  EXPECT_EQ(main["children"][0]["name"], "read");
  EXPECT_EQ(main["children"][0]["value"], 130'000);
  EXPECT_EQ(main["children"][1]["value"], 50'000);
}

TEST(FlameJson, TakesWhatTheFilterLetsThrough) {
  EXPECT_EQ(flame({.cause = "network"})["tree"]["value"], 50'000);
  EXPECT_EQ(flame({.limit = 1})["tree"]["value"], 100'000);
  EXPECT_EQ(flame({.process = "other"})["stalls"], 0);
  EXPECT_EQ(flame({.pod = "none"})["stalls"], 0);
}

TEST(FlameJson, AHoldWithoutAStackIsUnderItsName) {
  stalls::Snapshot snapshot;
  stalls::StallRecord record;
  record.holds.resize(1);
  record.holds[0].function = "~unsampled";
  record.holds[0].hold_ns = 7 * kMs;
  snapshot.stalls = {std::make_shared<const stalls::StallRecord>(record)};
  const json tree = json::parse(flame_json(snapshot, {}))["tree"];
  EXPECT_EQ(tree["children"][0]["name"], "~unsampled");
  EXPECT_EQ(tree["children"][0]["value"], 7'000);
}

/// A target that makes up names must not fill the agent; the time stays whole.
TEST(FlameJson, IsBounded) {
  stalls::Snapshot snapshot;
  for (int i = 0; i < 30'000; ++i) {
    snapshot.stalls.push_back(stall("f" + std::to_string(i), 1, Cause::cpu));
  }
  const json tree = json::parse(flame_json(snapshot, {.limit = 30'000}))["tree"];
  EXPECT_EQ(tree["value"], 30'000'000);
  EXPECT_EQ(tree["children"][0]["value"], 30'000'000);
  EXPECT_LT(tree["children"][0]["children"].size(), 20'000u);
  EXPECT_GT(tree["children"][0]["children"].size(), 10'000u);
}

}  // namespace
}  // namespace loopstall::exposition
