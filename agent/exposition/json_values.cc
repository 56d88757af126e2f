// SPDX-License-Identifier: Apache-2.0
#include "exposition/json_values.h"

#include <fmt/format.h>

#include <array>
#include <ctime>

#include "stalls/duration_histogram.h"

namespace loopstall::exposition {

std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string rfc3339(uint64_t wall_ns) {
  const auto whole_seconds = static_cast<std::time_t>(wall_ns / 1'000'000'000);
  std::tm utc{};
  ::gmtime_r(&whole_seconds, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  return fmt::format("{}.{:03}Z", text.data(), wall_ns / 1'000'000 % 1000);
}

Json bounds_json() {
  Json bounds = Json::array();
  for (const uint64_t bound_ns : stalls::kBucketBoundsNs) bounds.push_back(seconds(bound_ns));
  return bounds;
}

Json labels_json(const loops::LoopLabels& labels) {
  return {{"process", labels.process},
          {"runtime", labels.runtime},
          {"namespace", labels.namespace_},
          {"pod", labels.pod},
          {"container", labels.container}};
}

}  // namespace loopstall::exposition
