// SPDX-License-Identifier: Apache-2.0
#include "exposition/snapshot_samples.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sample_snapshot.h"

namespace loopstall::exposition {
namespace {

using stalls::Cause;
using testing::kTakenNs;

ScrapeContext at(uint64_t now_ns) {
  return {.present = {.now_ns = now_ns}, .build = {"1.2.3", ""}, .process = std::nullopt};
}

std::string label(const Series& series, std::string_view name) {
  for (const Label& label : series.labels) {
    if (label.name == name) return label.value;
  }
  return "";
}

const Series* find(const SampleModel& model, Metric metric, std::string_view process,
                   std::string_view name = "", std::string_view value = "") {
  for (const Series& series : model.family(metric).series) {
    if (label(series, "process") == process && (name.empty() || label(series, name) == value)) {
      return &series;
    }
  }
  return nullptr;
}

double number(const Series* series) { return series ? std::get<double>(series->value) : -1; }

TEST(SnapshotSamples, EveryMetricOfTheCatalogueIsMade) {
  ScrapeContext context = at(kTakenNs);
  context.process = ProcessStats{.max_fds = 1024};
  const SampleModel model = snapshot_samples(testing::sample_snapshot(), context);
  for (const Family& family : model.families()) {
    EXPECT_FALSE(family.series.empty()) << family.info->name;
  }
}

TEST(SnapshotSamples, CausesAddUpAndEachHasItsSeries) {
  const SampleModel model = snapshot_samples(testing::sample_snapshot(), at(kTakenNs));
  double busy = 0;
  std::size_t causes = 0;
  for (const Series& series : model.family(Metric::busy_seconds).series) {
    if (label(series, "process") != "app.main:app") continue;
    busy += std::get<double>(series.value);
    ++causes;
  }
  EXPECT_NEAR(busy, 3.25, 1e-9);
  EXPECT_EQ(causes, stalls::kCauseCount);
  EXPECT_EQ(number(find(model, Metric::stalls, "app.main:app", "cause", "network")), 2);
  EXPECT_EQ(number(find(model, Metric::stalls, "app.main:app", "cause", "cpu")), 0);
  EXPECT_NEAR(number(find(model, Metric::stall_seconds, "app.main:app", "cause", "network")), 0.25,
              1e-9);
}

TEST(SnapshotSamples, AgeOfTheTurnInProgressIsThatOfTheScrape) {
  const stalls::Snapshot snapshot = testing::sample_snapshot();
  const auto age = [&](uint64_t now_ns) {
    return number(
        find(snapshot_samples(snapshot, at(now_ns)), Metric::turn_in_progress, "app.main:app"));
  };
  EXPECT_NEAR(age(kTakenNs), 1.5, 1e-9);
  EXPECT_NEAR(age(kTakenNs + 700'000'000), 2.2, 1e-9);
  // A snapshot that is no longer fresh vouches for nothing more.
  EXPECT_NEAR(age(kTakenNs + 60'000'000'000), 11.5, 1e-9);
}

TEST(SnapshotSamples, AgeIsTheOldestAndNeverNegative) {
  stalls::ServiceSnapshot service;
  EXPECT_EQ(oldest_turn_age_ns(service, 1000, {1000}), 0u);
  service.loops = {
      {.turn = {.start_ns = 400}}, {.turn = {.start_ns = 900}, .phase = "startup"}, {.turn = {}}};
  EXPECT_EQ(oldest_turn_age_ns(service, 1000, {1000}), 600u);
  service.loops.erase(service.loops.begin());
  EXPECT_EQ(oldest_turn_age_ns(service, 1000, {1000}), 100u);  // startup counts too
  EXPECT_EQ(oldest_turn_age_ns(service, 1000, {800}), 0u);
}

TEST(SnapshotSamples, AgeIsThatOfTheTurnNowNotOfOneThatIsOver) {
  testing::FixedSource source(testing::sample_snapshot());
  const uint64_t now_ns = kTakenNs + 200'000'000;
  const auto age = [&] {
    ScrapeContext context = at(now_ns);
    context.present.accounts = &source;
    return number(find(snapshot_samples(*source.snapshot(), context), Metric::turn_in_progress,
                       "app.main:app"));
  };
  EXPECT_NEAR(age(), 1.7, 1e-9);  // its account cannot be read
  source.turns_by_slot[testing::kBusySlot] = {};
  EXPECT_EQ(age(), 0);
  source.turns_by_slot[testing::kBusySlot] = {.start_ns = now_ns - 3'000'000, .number = 8};
  EXPECT_NEAR(age(), 0.003, 1e-9);
  source.turns_by_slot[testing::kBusySlot] = {.start_ns = now_ns + 1, .number = 9};
  EXPECT_EQ(age(), 0) << "it began after the clock was read";
}

TEST(SnapshotSamples, GaugesEndWithTheLastLoop) {
  const SampleModel model = snapshot_samples(testing::sample_snapshot(), at(kTakenNs));
  EXPECT_EQ(number(find(model, Metric::loops, "app.main:app")), 2);
  for (Metric metric : {Metric::loops, Metric::utilization_max, Metric::turn_in_progress}) {
    EXPECT_EQ(find(model, metric, "worker.py"), nullptr) << info(metric).name;
  }
  EXPECT_NE(find(model, Metric::idle_seconds, "worker.py"), nullptr);
}

TEST(SnapshotSamples, LossesAreShownAtZero) {
  const SampleModel model = snapshot_samples(testing::sample_snapshot(), at(kTakenNs));
  EXPECT_EQ(number(find(model, Metric::events_lost, "", "reason", "ring_full")), 0);
  EXPECT_EQ(number(find(model, Metric::events_lost, "", "reason", "no_slot")), 1);
  EXPECT_EQ(number(find(model, Metric::series_folded, "")), 7);
}

TEST(SnapshotSamples, AnAccountThatWasNotAuditedHasNoError) {
  stalls::Snapshot snapshot = testing::sample_snapshot();
  EXPECT_EQ(number(find(snapshot_samples(snapshot, at(kTakenNs)), Metric::account_error_ratio, "")),
            0.00125);
  snapshot.health.account_error_ratio.reset();
  const SampleModel model = snapshot_samples(snapshot, at(kTakenNs));
  EXPECT_EQ(find(model, Metric::account_error_ratio, ""), nullptr);
}

}  // namespace
}  // namespace loopstall::exposition
