// SPDX-License-Identifier: Apache-2.0
#include "exposition/sample_model.h"

#include <gtest/gtest.h>

namespace loopstall::exposition {
namespace {

const loops::LoopLabels kService = {.process = "app", .runtime = "asyncio"};

std::string text_of(const Series& series) {
  std::string text;
  for (const Label& label : series.labels)
    text += std::string(label.name) + "=" + label.value + ";";
  return text;
}

TEST(SampleModel, LeavesEmptyLabelsOut) {
  SampleModel model;
  model.add(Metric::idle_seconds, kService, {}, 1.0);
  model.add(
      Metric::idle_seconds,
      {.process = "app", .runtime = "asyncio", .namespace_ = "shop", .pod = "p", .container = "c"},
      {}, 2.0);
  model.add(Metric::blocking_seconds, kService, {"~framework", "", "cpu"},
            stalls::DurationHistogram{});
  EXPECT_EQ(text_of(model.family(Metric::idle_seconds).series[0]), "process=app;runtime=asyncio;");
  EXPECT_EQ(text_of(model.family(Metric::idle_seconds).series[1]),
            "process=app;runtime=asyncio;namespace=shop;pod=p;container=c;");
  EXPECT_EQ(text_of(model.family(Metric::blocking_seconds).series[0]),
            "process=app;runtime=asyncio;function=~framework;cause=cpu;");
}

TEST(SampleModel, MergesSeriesThatBecameEqual) {
  stalls::DurationHistogram one;
  one.observe(2'000'000);
  SampleModel model;
  for (const char* name : {"f\xff", "z", "f\xfe"}) {
    model.add(Metric::entry_busy_seconds, kService, {name, "cpu"}, 1.5);
    model.add(Metric::blocking_seconds, kService, {name, "f.py", "cpu"}, one);
    model.add(Metric::targets, {name, "measured"}, name[1] == '\xff' ? 4.0 : 3.0);
  }
  model.settle();

  const auto& counters = model.family(Metric::entry_busy_seconds).series;
  ASSERT_EQ(counters.size(), 2u);
  EXPECT_DOUBLE_EQ(std::get<double>(counters[0].value), 3.0);
  EXPECT_DOUBLE_EQ(std::get<double>(counters[1].value), 1.5);
  const auto& histograms = model.family(Metric::blocking_seconds).series;
  ASSERT_EQ(histograms.size(), 2u);
  EXPECT_EQ(std::get<stalls::DurationHistogram>(histograms[0].value).count(), 2u);
  const auto& gauges = model.family(Metric::targets).series;
  ASSERT_EQ(gauges.size(), 2u);
  EXPECT_DOUBLE_EQ(std::get<double>(gauges[0].value), 4.0);
}

TEST(SampleModel, BoundsLabelValues) {
  SampleModel model;
  model.add(Metric::events_lost, {std::string(5000, 'x')}, 1.0);
  EXPECT_EQ(model.family(Metric::events_lost).series[0].labels[0].value.size(),
            kMaxLabelValueBytes);
}

}  // namespace
}  // namespace loopstall::exposition
