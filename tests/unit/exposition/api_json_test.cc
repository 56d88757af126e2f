// SPDX-License-Identifier: Apache-2.0
#include "exposition/api_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sample_snapshot.h"

namespace loopstall::exposition {
namespace {

using nlohmann::json;
using testing::kTakenNs;

const BuildInfo kBuild{"1.2.3", ""};

json sample_loops(uint64_t now_ns = kTakenNs) {
  return json::parse(loops_json(testing::sample_snapshot(), kBuild, {.now_ns = now_ns}));
}

TEST(LoopsJson, ShowsTheServiceAsDocumented) {
  const json document = sample_loops();
  EXPECT_EQ(document["version"], 1);
  EXPECT_EQ(document["wall_time"], "2026-11-22T20:00:00.123Z");
  ASSERT_EQ(document["services"].size(), 2u);
  const json& service = document["services"][0];
  EXPECT_EQ(service["labels"], json({{"process", "app.main:app"},
                                     {"runtime", "uvloop"},
                                     {"namespace", ""},
                                     {"pod", ""},
                                     {"container", ""}}));
  EXPECT_EQ(service["turns"], 5);
  EXPECT_DOUBLE_EQ(service["utilization"], 0.325);
  EXPECT_DOUBLE_EQ(service["busy_seconds"]["network"], 2.0);
  EXPECT_DOUBLE_EQ(service["idle_seconds"], 6.75);
  EXPECT_EQ(service["stalls"]["network"], 2);
  EXPECT_DOUBLE_EQ(service["stall_seconds"]["network"], 0.25);
  EXPECT_DOUBLE_EQ(service["startup_seconds"], 1.1);
  EXPECT_EQ(service["syscalls"],
            json::array({{{"syscall", "recvfrom"}, {"blocked_seconds", 1.9}}}));
  EXPECT_EQ(service["entries"][0]["entry"], "upload");
  const json& histogram = service["turn_histogram"];
  EXPECT_EQ(histogram["counts"].size(), histogram["le"].size() + 1);
  EXPECT_DOUBLE_EQ(histogram["le"][0], 0.001);
  EXPECT_EQ(histogram["counts"].back(), 1);  // 40 s lies above the last bound
}

TEST(LoopsJson, FunctionsBearOccupancyAndAdvice) {
  const json function = sample_loops()["services"][0]["functions"][0];
  EXPECT_EQ(function["function"], "save_log");
  EXPECT_EQ(function["file"], "app/log.py");
  EXPECT_EQ(function["line"], 12);
  EXPECT_EQ(function["cause"], "network");
  EXPECT_EQ(function["holds"], 2);
  EXPECT_NEAR(function["occupancy"], 0.12, 1e-9);  // 1.2 s of 10 s
  EXPECT_GT(function["p99_seconds"], 0.1);
  EXPECT_LE(function["p99_seconds"], 0.25);
  EXPECT_NE(function["advice"].get<std::string>().find("httpx"), std::string::npos);
}

TEST(LoopsJson, LoopsShowTheTurnInProgress) {
  const json loops = sample_loops(kTakenNs + 500'000'000)["services"][0]["loops"];
  EXPECT_EQ(loops[0]["state"], "busy");
  EXPECT_DOUBLE_EQ(loops[0]["turn_age_seconds"], 2.0);
  EXPECT_EQ(loops[0]["turn_age_at_least"], true);
  EXPECT_EQ(loops[0]["cause"], "network");
  EXPECT_EQ(loops[0]["stack"][2]["function"], "save_log");
  EXPECT_EQ(loops[0]["stack"][2]["origin"], "application");
  EXPECT_EQ(loops[0]["stack"][2]["why"], "application_package");
  EXPECT_EQ(loops[1]["state"], "idle");
  EXPECT_DOUBLE_EQ(loops[1]["turn_age_seconds"], 0.0);
}

TEST(LoopsJson, AStackIsShownOnlyWithItsOwnTurn) {
  testing::FixedSource source(testing::sample_snapshot());
  const auto busy_loop = [&] {
    return json::parse(
        loops_json(*source.snapshot(), kBuild, {kTakenNs, &source}))["services"][0]["loops"][0];
  };
  source.turns_by_slot[testing::kBusySlot] = {.start_ns = kTakenNs - 1, .number = 7};
  EXPECT_FALSE(busy_loop()["stack"].empty());
  source.turns_by_slot[testing::kBusySlot].number = 8;
  EXPECT_TRUE(busy_loop()["stack"].empty());
  EXPECT_EQ(busy_loop()["state"], "busy");
  source.turns_by_slot[testing::kBusySlot] = {};
  EXPECT_TRUE(busy_loop()["stack"].empty());
  EXPECT_EQ(busy_loop()["state"], "idle");
}

TEST(LoopsJson, ShowsTheAgentsHealth) {
  const json agent = sample_loops()["agent"];
  EXPECT_EQ(agent["ready"], true);
  EXPECT_EQ(agent["version"], "1.2.3");
  EXPECT_EQ(agent["hooks"][0], json({{"hook", "turn_boundary"}, {"mode", "tracepoint"}}));
  EXPECT_EQ(agent["events_lost"].size(), 2u);
  EXPECT_EQ(agent["stack_errors"][0]["count"], 4);
  EXPECT_EQ(agent["stall_records_suppressed"], 5);
}

TEST(LoopsJson, ReplacesWhatIsNoUtf8) {
  const std::string function = sample_loops()["services"][1]["functions"][0]["function"];
  EXPECT_EQ(function, "<img src=x onerror=alert(1)> \"\\\n\xEF\xBF\xBD");
}

TEST(StallsJson, ListsNewestFirstWithinTheFilter) {
  const stalls::Snapshot snapshot = testing::sample_snapshot();
  const auto ids = [&](const StallFilter& filter) {
    std::vector<std::string> ids;
    const json document = json::parse(stalls_json(snapshot, filter));
    EXPECT_EQ(document["version"], 1);
    for (const json& stall : document["stalls"]) ids.push_back(stall["id"]);
    return ids;
  };
  EXPECT_EQ(ids({}), (std::vector<std::string>{"m00001", "k3f9a2"}));
  EXPECT_EQ(ids({.limit = 1}), (std::vector<std::string>{"m00001"}));
  EXPECT_EQ(ids({.limit = 0}), std::vector<std::string>{});
  EXPECT_EQ(ids({.limit = 1, .process = "app.main:app"}), (std::vector<std::string>{"k3f9a2"}));
  EXPECT_EQ(ids({.process = "nobody"}), std::vector<std::string>{});
}

TEST(StallsJson, FindsOneByItsId) {
  const stalls::Snapshot snapshot = testing::sample_snapshot();
  const auto found = stall_json(snapshot, "k3f9a2");
  ASSERT_TRUE(found);
  EXPECT_EQ(json::parse(*found)["holds"][0]["function"], "save_log");
  EXPECT_FALSE(stall_json(snapshot, "k3f9a"));
  EXPECT_FALSE(stall_json(snapshot, ""));
}

TEST(HealthJson, EndsWithTheFreshnessOfTheSnapshot) {
  const stalls::Snapshot snapshot = testing::sample_snapshot();
  EXPECT_TRUE(health_json(snapshot, kTakenNs + 9'900'000'000).ok);
  const HealthAnswer late = health_json(snapshot, kTakenNs + 12'000'000'000);
  ASSERT_FALSE(late.ok);
  const json document = json::parse(late.json);
  EXPECT_EQ(document["healthy"], false);
  ASSERT_EQ(document["reasons"].size(), 1u);
  EXPECT_NE(document["reasons"][0].get<std::string>().find("12 s"), std::string::npos);
  EXPECT_TRUE(health_json(snapshot, kTakenNs - 1).ok);  // taken after the request began
}

TEST(ReadyJson, NamesWhatIsMissing) {
  stalls::Snapshot snapshot = testing::sample_snapshot();
  EXPECT_TRUE(ready_json(snapshot).ok);
  snapshot.health.ready = false;
  snapshot.health.not_ready = {"the first scan is not done"};
  const HealthAnswer answer = ready_json(snapshot);
  EXPECT_FALSE(answer.ok);
  EXPECT_EQ(json::parse(answer.json)["reasons"], json::array({"the first scan is not done"}));
}

}  // namespace
}  // namespace loopstall::exposition
