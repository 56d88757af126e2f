// SPDX-License-Identifier: Apache-2.0
#include "exposition/history_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace loopstall::exposition {
namespace {

using nlohmann::json;
using stalls::Cause;
using stalls::History;

constexpr uint64_t kWallMs = 1'800'000'000'000;

/// Three steps, of which the last two slept.
stalls::Snapshot sample() {
  History history;
  stalls::Snapshot snapshot;
  snapshot.services.resize(1);
  stalls::ServiceSnapshot& service = snapshot.services[0];
  service.labels.process = "app \xff";
  service.loops = {{.pid = 7, .tid = 8, .utilization_60s = 0.5}};
  for (uint64_t step = 1; step <= 3; ++step) {
    snapshot.monotonic_ns += History::kStepNs;
    snapshot.wall_ns = (kWallMs + step) * 1'000'000;
    service.idle_ns += 9'000'000'000;
    if (step > 1) service.busy_ns[stalls::index(Cause::sleep)] += 1'000'100'000;
    service.turns.observe(1);
    history.add(snapshot);
  }
  snapshot.history = std::make_shared<const History>(std::move(history));
  return snapshot;
}

TEST(HistoryJson, HasAColumnForEachQuantity) {
  const json document = json::parse(history_json(sample(), 0));
  EXPECT_EQ(document["version"], 1);
  EXPECT_EQ(document["step_seconds"], 10);
  EXPECT_EQ(document["turn_seconds_le"].size(), stalls::kBucketBoundsNs.size());
  EXPECT_EQ(document["services_left_out"], 0);
  const json& service = document["services"].at(0);
  EXPECT_EQ(service["labels"]["process"], "app \xEF\xBF\xBD");
  EXPECT_EQ(service["end_unix_ms"], json::array({kWallMs + 1, kWallMs + 2, kWallMs + 3}));
  EXPECT_EQ(service["idle_seconds"], json::array({9.0, 9.0, 9.0}));
  EXPECT_EQ(service["busy_seconds"], json({{"sleep", {0.0, 1.0001, 1.0001}}}));
  EXPECT_EQ(service["turns"].at(2).at(0), 1);
  EXPECT_EQ(service["turns"].at(2).size(), stalls::kBucketCount);
  EXPECT_EQ(document["loops"], json::array({{{"pid", 7}, {"tid", 8}, {"percent", {50}}}}));
}

TEST(HistoryJson, LeavesOutWhatIsKnown) {
  const json service = json::parse(history_json(sample(), kWallMs + 2))["services"].at(0);
  EXPECT_EQ(service["end_unix_ms"], json::array({kWallMs + 3}));
  EXPECT_EQ(service["busy_seconds"]["sleep"].size(), 1u);
  EXPECT_EQ(service["turns"].size(), 1u);
}

TEST(HistoryJson, OfAnAgentThatHasJustStarted) {
  EXPECT_TRUE(json::parse(history_json({}, 0))["services"].empty());
}

}  // namespace
}  // namespace loopstall::exposition
