// SPDX-License-Identifier: Apache-2.0
#include "exposition/api_json.h"

#include <fmt/format.h>

#include "base/proportion.h"
#include "exposition/json_values.h"
#include "exposition/loop_json.h"

namespace loopstall::exposition {
namespace {

using stalls::ByCause;
using stalls::Cause;
using stalls::ServiceSnapshot;

/// Every cause, zeros included.
template <typename Value>
Json by_cause_json(const ByCause& values, Value value) {
  Json json = Json::object();
  for (std::size_t i = 0; i < stalls::kCauseCount; ++i) {
    const auto cause = static_cast<Cause>(i);
    json[std::string(stalls::cause_name(cause))] = value(values[i]);
  }
  return json;
}

Json by_cause_seconds(const ByCause& ns) { return by_cause_json(ns, seconds); }
Json by_cause_counts(const ByCause& counts) {
  return by_cause_json(counts, [](uint64_t count) { return count; });
}

Json histogram_json(const stalls::DurationHistogram& histogram) {
  return {{"le", bounds_json()}, {"counts", histogram.buckets}};
}

Json function_json(const stalls::FunctionSeries& series, uint64_t service_ns) {
  return {{"function", series.function},
          {"file", series.file},
          {"line", series.line},
          {"entry", series.entry},
          {"leaf", series.leaf},
          {"cause", stalls::cause_name(series.cause)},
          {"holds", series.holds.count()},
          {"p50_seconds", series.holds.quantile_seconds(0.5)},
          {"p99_seconds", series.holds.quantile_seconds(0.99)},
          {"busy_seconds", seconds(series.busy_ns)},
          {"harm_seconds", seconds(series.harm_ns)},
          {"occupancy", base::share(series.busy_ns, service_ns)},
          {"advice", series.advice}};
}

Json lengths_json(const stalls::TimeByLength& turn_ns) {
  Json lengths = Json::array();
  for (const uint64_t ns : turn_ns) lengths.push_back(seconds(ns));
  return lengths;
}

Json gain_json(const stalls::Gain& gain) {
  Json json = {{"loop_seconds", seconds(gain.life_ns)},
               {"utilization", gain.utilization},
               {"turn_seconds", lengths_json(gain.turn_ns)},
               {"functions", Json::array()}};
  for (const stalls::FunctionGain& without : gain.functions) {
    json["functions"].push_back({{"function", without.function},
                                 {"file", without.file},
                                 {"utilization", without.utilization},
                                 {"load", without.load},
                                 {"turn_seconds", lengths_json(without.turn_ns)}});
  }
  return json;
}

Json service_json(const ServiceSnapshot& service, uint64_t snapshot_ns, const Present& present) {
  const uint64_t service_ns = stalls::sum(service.busy_ns) + service.idle_ns;
  Json json = {{"labels", labels_json(service.labels)},
               {"utilization", service.utilization},
               {"utilization_max", service.utilization_max},
               {"turns", service.turns.count()},
               {"idle_seconds", seconds(service.idle_ns)},
               {"busy_seconds", by_cause_seconds(service.busy_ns)},
               {"counted_until_monotonic_ns", service.counted_until_ns},
               {"stalls", by_cause_counts(service.stalls)},
               {"stall_seconds", by_cause_seconds(service.stall_ns)},
               {"startup_seconds", seconds(service.startup_ns)},
               {"ready_events", service.ready_events},
               {"delayed_events", service.delayed_events},
               {"turn_histogram", histogram_json(service.turns)},
               {"timer_lag_histogram", histogram_json(service.timer_lag)},
               {"syscalls", Json::array()},
               {"pool_threads", {{"busy", service.pool.busy}, {"idle", service.pool.idle}}},
               {"loops", Json::array()},
               {"functions", Json::array()},
               {"gain", gain_json(service.gain)},
               {"entries", Json::array()}};
  for (const auto& series : service.syscalls) {
    json["syscalls"].push_back(
        {{"syscall", series.syscall}, {"blocked_seconds", seconds(series.blocked_ns)}});
  }
  for (const auto& loop : service.loops) {
    json["loops"].push_back(loop_json(loop, turn_now(loop, snapshot_ns, present)));
  }
  for (const auto& series : service.functions) {
    json["functions"].push_back(function_json(series, service_ns));
  }
  for (const auto& series : service.entries) {
    json["entries"].push_back({{"entry", series.entry},
                               {"cause", stalls::cause_name(series.cause)},
                               {"busy_seconds", seconds(series.busy_ns)}});
  }
  return json;
}

Json agent_json(const stalls::AgentHealth& health, const BuildInfo& build) {
  Json json = {{"version", build.version},
               {"ready", health.ready},
               {"not_ready", health.not_ready},
               {"hooks", Json::array()},
               {"targets", Json::array()},
               {"events_lost", Json::array()},
               {"stack_errors", Json::array()},
               {"programs", Json::array()},
               {"account_error_ratio",
                health.account_error_ratio ? Json(*health.account_error_ratio) : Json()},
               {"canary", {{"reported", health.canary.reported}, {"missed", health.canary.missed}}},
               {"budget",
                {{"used_cores", health.budget.used},
                 {"allowed_cores", health.budget.allowed},
                 {"detail", stalls::detail_name(health.budget.detail)}}},
               {"function_series",
                {{"used", health.function_series.used}, {"limit", health.function_series.limit}}},
               {"series_folded", health.series_folded},
               {"stall_records_suppressed", health.stall_records_suppressed}};
  for (const auto& hook : health.hooks) {
    json["hooks"].push_back({{"hook", hook.hook}, {"mode", hook.mode}});
  }
  for (const auto& target : health.targets) {
    json["targets"].push_back(
        {{"runtime", target.runtime}, {"state", target.state}, {"count", target.count}});
  }
  for (const auto& lost : health.events_lost) {
    json["events_lost"].push_back({{"reason", lost.reason}, {"count", lost.count}});
  }
  for (const auto& error : health.stack_errors) {
    json["stack_errors"].push_back(
        {{"runtime", error.runtime}, {"reason", error.reason}, {"count", error.count}});
  }
  for (const auto& program : health.programs) {
    json["programs"].push_back(
        {{"program", program.program}, {"runs", program.runs}, {"seconds", program.seconds}});
  }
  return json;
}

}  // namespace

std::string loops_json(const stalls::Snapshot& snapshot, const BuildInfo& build,
                       const Present& present) {
  Json json = {{"version", kApiVersion},
               {"wall_time", rfc3339(snapshot.wall_ns)},
               {"services", Json::array()},
               {"agent", agent_json(snapshot.health, build)}};
  for (const ServiceSnapshot& service : snapshot.services) {
    json["services"].push_back(service_json(service, snapshot.monotonic_ns, present));
  }
  return dump(json);
}

std::string stalls_json(const stalls::Snapshot& snapshot, const StallFilter& filter) {
  std::string json = fmt::format("{{\"version\":{},\"stalls\":[", kApiVersion);
  std::string_view separator;
  for (const stalls::StallRecord* record : selected(snapshot, filter)) {
    json += separator;
    json += stalls::to_json(*record);
    separator = ",";
  }
  return json + "]}";
}

std::optional<std::string> stall_json(const stalls::Snapshot& snapshot, std::string_view id) {
  for (const auto& record : snapshot.stalls) {
    if (record->id == id) return stalls::to_json(*record);
  }
  return std::nullopt;
}

HealthAnswer health_json(const stalls::Snapshot& snapshot, uint64_t now_ns) {
  const uint64_t age_ns = now_ns > snapshot.monotonic_ns ? now_ns - snapshot.monotonic_ns : 0;
  const bool healthy = age_ns < kSnapshotFreshNs;
  Json json = {{"version", kApiVersion},
               {"healthy", healthy},
               {"snapshot_age_seconds", seconds(age_ns)},
               {"reasons", Json::array()}};
  if (!healthy) {
    json["reasons"].push_back(
        fmt::format("the measurement has published nothing for {:.0f} s: its thread is stuck",
                    seconds(age_ns)));
  }
  return {healthy, dump(json)};
}

HealthAnswer ready_json(const stalls::Snapshot& snapshot) {
  const stalls::AgentHealth& health = snapshot.health;
  const Json json = {
      {"version", kApiVersion}, {"ready", health.ready}, {"reasons", health.not_ready}};
  return {health.ready, dump(json)};
}

std::string error_json(std::string_view message) {
  return dump({{"version", kApiVersion}, {"error", message}});
}

}  // namespace loopstall::exposition
