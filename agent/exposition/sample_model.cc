// SPDX-License-Identifier: Apache-2.0
#include "exposition/sample_model.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace loopstall::exposition {
namespace {

void append_label(std::vector<Label>& labels, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  labels.push_back({name, base::bounded_utf8(value, kMaxLabelValueBytes)});
}

/// A name without a value, or a value without a name, is left out: both lists come from our own
/// code, and the catalogue's test holds them together.
void append_own_labels(std::vector<Label>& labels, const MetricInfo& info,
                       std::initializer_list<std::string_view> values) {
  auto value = values.begin();
  for (std::string_view name : info.labels) {
    if (value == values.end()) return;
    append_label(labels, name, *value++);
  }
}

void merge(MetricType type, SampleValue& into, const SampleValue& from) {
  if (auto* histogram = std::get_if<stalls::DurationHistogram>(&into)) {
    if (const auto* other = std::get_if<stalls::DurationHistogram>(&from)) histogram->add(*other);
    return;
  }
  double& value = std::get<double>(into);
  const double other = std::get<double>(from);
  value = type == MetricType::gauge ? std::max(value, other) : value + other;
}

void settle_family(Family& family) {
  std::vector<Series>& series = family.series;
  std::stable_sort(series.begin(), series.end(),
                   [](const Series& a, const Series& b) { return a.labels < b.labels; });
  std::size_t kept = 0;
  for (std::size_t i = 1; i < series.size(); ++i) {
    if (series[kept].labels == series[i].labels) {
      merge(family.info->type, series[kept].value, series[i].value);
      // Both were empty then.
      series[kept].created_seconds =
          std::min(series[kept].created_seconds, series[i].created_seconds);
    } else if (++kept != i) {
      series[kept] = std::move(series[i]);
    }
  }
  if (!series.empty()) series.resize(kept + 1);
}

}  // namespace

SampleModel::SampleModel() {
  for (const MetricInfo& row : catalogue()) {
    families_[static_cast<std::size_t>(row.id)].info = &row;
  }
}

void SampleModel::add(Metric metric, const loops::LoopLabels& service,
                      std::initializer_list<std::string_view> values, SampleValue value,
                      double created_seconds, std::vector<Exemplar> exemplars) {
  Family& family = families_[static_cast<std::size_t>(metric)];
  const auto names = service_label_names();
  Series series{.labels = {},
                .value = std::move(value),
                .exemplars = std::move(exemplars),
                .created_seconds = created_seconds};
  series.labels.reserve(names.size() + values.size());
  append_label(series.labels, names[0], service.process);
  append_label(series.labels, names[1], service.runtime);
  append_label(series.labels, names[2], service.namespace_);
  append_label(series.labels, names[3], service.pod);
  append_label(series.labels, names[4], service.container);
  append_own_labels(series.labels, *family.info, values);
  family.series.push_back(std::move(series));
}

void SampleModel::add(Metric metric, std::initializer_list<std::string_view> values,
                      SampleValue value, double created_seconds) {
  Family& family = families_[static_cast<std::size_t>(metric)];
  Series series{
      .labels = {}, .value = std::move(value), .exemplars = {}, .created_seconds = created_seconds};
  append_own_labels(series.labels, *family.info, values);
  family.series.push_back(std::move(series));
}

void SampleModel::settle() {
  for (Family& family : families_) settle_family(family);
}

const Family& SampleModel::family(Metric metric) const {
  return families_[static_cast<std::size_t>(metric)];
}

}  // namespace loopstall::exposition
