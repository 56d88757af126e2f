// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "exposition/catalogue.h"
#include "loops/labels.h"
#include "stalls/duration_histogram.h"

namespace loopstall::exposition {

/// Longest label value in bytes.
inline constexpr std::size_t kMaxLabelValueBytes = 1024;

struct Label {
  std::string_view name;  ///< static, from the catalogue
  std::string value;      ///< valid UTF-8, never empty

  auto operator<=>(const Label&) const = default;
};

using SampleValue = std::variant<double, stalls::DurationHistogram>;

/// A stall that is in a bucket of a histogram: the newest.
struct Exemplar {
  std::size_t bucket = 0;
  std::string stall_id;     ///< of /api/v1/stalls/<id>
  double seconds = 0;       ///< what was observed
  double wall_seconds = 0;  ///< when, since the epoch
};

struct Series {
  std::vector<Label> labels;
  SampleValue value;
  std::vector<Exemplar> exemplars;  ///< of a histogram, at most one a bucket
  double created_seconds = 0;       ///< since the epoch: when it was still empty; 0: not known
};

/// All series of one metric.
struct Family {
  const MetricInfo* info = nullptr;
  std::vector<Series> series;
};

/// What one scrape shows, before any text format: built anew for each scrape, so that a series that
/// ended is simply not there. One thread builds it.
class SampleModel {
 public:
  SampleModel();

  /// Adds a series of Scope::service. `values` are those of the metric's own labels, in the
  /// catalogue's order. Empty values are left out, for Prometheus holds that to be the same.
  void add(Metric metric, const loops::LoopLabels& service,
           std::initializer_list<std::string_view> values, SampleValue value,
           double created_seconds = 0, std::vector<Exemplar> exemplars = {});
  /// Adds a series of Scope::agent.
  void add(Metric metric, std::initializer_list<std::string_view> values, SampleValue value,
           double created_seconds = 0);

  /// Sorts each family's series by labels and merges those whose labels are equal (names of a
  /// target may become equal when invalid bytes are replaced): counters and histograms are added
  /// up, of gauges the largest stays. A repeated series would cost the whole scrape.
  void settle();

  const Family& family(Metric metric) const;
  /// In the catalogue's order; some may have no series.
  const std::array<Family, kMetricCount>& families() const { return families_; }

 private:
  std::array<Family, kMetricCount> families_;
};

}  // namespace loopstall::exposition
