// SPDX-License-Identifier: Apache-2.0
#include "exposition/text_format.h"

// The only file that includes prometheus-cpp.
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <sstream>
#include <utility>
#include <vector>

namespace loopstall::exposition {
namespace {

prometheus::MetricType to_prometheus(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return prometheus::MetricType::Counter;
    case MetricType::gauge:
      return prometheus::MetricType::Gauge;
    case MetricType::histogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

/// Buckets become cumulative; the serializer itself adds le="+Inf".
prometheus::ClientMetric::Histogram to_prometheus(const stalls::DurationHistogram& histogram) {
  prometheus::ClientMetric::Histogram out;
  out.sample_sum = static_cast<double>(histogram.sum_ns) / 1e9;
  out.bucket.reserve(stalls::kBucketBoundsNs.size());
  uint64_t cumulative = 0;
  for (std::size_t i = 0; i < stalls::kBucketBoundsNs.size(); ++i) {
    cumulative += histogram.buckets[i];
    out.bucket.push_back({.cumulative_count = cumulative,
                          .upper_bound = static_cast<double>(stalls::kBucketBoundsNs[i]) / 1e9});
  }
  out.sample_count = cumulative + histogram.buckets.back();
  return out;
}

prometheus::ClientMetric to_prometheus(const Series& series, MetricType type) {
  prometheus::ClientMetric metric;
  metric.label.reserve(series.labels.size());
  for (const Label& label : series.labels) {
    metric.label.push_back({.name = std::string(label.name), .value = label.value});
  }
  if (const auto* histogram = std::get_if<stalls::DurationHistogram>(&series.value)) {
    metric.histogram = to_prometheus(*histogram);
  } else if (type == MetricType::counter) {
    metric.counter.value = std::get<double>(series.value);
  } else {
    metric.gauge.value = std::get<double>(series.value);
  }
  return metric;
}

prometheus::MetricFamily to_prometheus(const Family& family) {
  prometheus::MetricFamily out;
  out.name = family.info->name;
  out.help = family.info->help;
  out.type = to_prometheus(family.info->type);
  out.metric.reserve(family.series.size());
  for (const Series& series : family.series) {
    out.metric.push_back(to_prometheus(series, family.info->type));
  }
  return out;
}

}  // namespace

std::string to_text(const SampleModel& model) {
  std::ostringstream out;
  const prometheus::TextSerializer serializer;
  // One family at a time: the serializer's own form of 5,000 histograms takes megabytes.
  for (const Family& family : model.families()) {
    if (!family.series.empty()) serializer.Serialize(out, {to_prometheus(family)});
  }
  return std::move(out).str();
}

}  // namespace loopstall::exposition
