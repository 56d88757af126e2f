// SPDX-License-Identifier: Apache-2.0
#include "exposition/history_json.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "exposition/json_values.h"

namespace loopstall::exposition {
namespace {

using stalls::History;
using stalls::HistoryStep;
using Steps = std::deque<HistoryStep>;

uint64_t end_ms(const HistoryStep& step) { return step.end_wall_ns / 1'000'000; }

/// To the microsecond: a float has no more, and its digits as a double would be noise.
double rounded(float seconds) { return std::round(static_cast<double>(seconds) * 1e6) / 1e6; }

template <typename Value>
Json column(Steps::const_iterator begin, Steps::const_iterator end, Value value) {
  Json json = Json::array();
  std::for_each(begin, end, [&](const HistoryStep& step) { json.push_back(value(step)); });
  return json;
}

Json service_json(const stalls::ServiceHistory& service, uint64_t since_ms) {
  const auto begin = std::find_if(service.steps.begin(), service.steps.end(),
                                  [&](const HistoryStep& step) { return end_ms(step) > since_ms; });
  const auto end = service.steps.end();
  Json busy = Json::object();
  for (std::size_t i = 0; i < stalls::kCauseCount; ++i) {
    if (std::all_of(begin, end, [&](const auto& step) { return step.busy_seconds[i] == 0; })) {
      continue;
    }
    busy[std::string(stalls::cause_name(static_cast<stalls::Cause>(i)))] =
        column(begin, end, [&](const auto& step) { return rounded(step.busy_seconds[i]); });
  }
  return {
      {"labels", labels_json(service.labels)},
      {"end_unix_ms", column(begin, end, end_ms)},
      {"idle_seconds", column(begin, end, [](auto& step) { return rounded(step.idle_seconds); })},
      {"busy_seconds", std::move(busy)},
      {"turns", column(begin, end, [](auto& step) { return step.turns; })}};
}

}  // namespace

std::string history_json(const stalls::Snapshot& snapshot, uint64_t since_wall_ms) {
  Json json = {
      {"version", kApiVersion},           {"step_seconds", History::kStepNs / 1'000'000'000},
      {"turn_seconds_le", bounds_json()}, {"services", Json::array()},
      {"loops", Json::array()},           {"services_left_out", 0}};
  if (snapshot.history == nullptr) return dump(json);
  const History& history = *snapshot.history;
  for (const auto& service : history.services()) {
    json["services"].push_back(service_json(service, since_wall_ms));
  }
  for (const auto& [key, readings] : history.loops()) {
    json["loops"].push_back({{"pid", key.first}, {"tid", key.second}, {"percent", readings}});
  }
  json["services_left_out"] = history.left_out();
  return dump(json);
}

}  // namespace loopstall::exposition
