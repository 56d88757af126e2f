// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace loopstall::exposition {

/// Every metric that the agent exports, in the order of the exposition. A metric that is not named
/// here cannot be exported: the sample model is addressed by this enum.
enum class Metric : uint8_t {
  turn_seconds,
  busy_seconds,
  idle_seconds,
  utilization_max,
  blocking_seconds,
  function_busy_seconds,
  function_harm,
  entry_busy_seconds,
  syscall_blocked_seconds,
  stalls,
  stall_seconds,
  startup_seconds,
  turn_in_progress,
  timer_lag,
  ready_events,
  delayed_events,
  killed_in_stall,
  loops,
  pool_threads,
  build_info,
  hook_info,
  targets,
  events_lost,
  stack_errors,
  account_error_ratio,
  canary_reported,
  canary_missed,
  overhead_cores,
  overhead_budget_cores,
  sample_rate,
  tick_price,
  detail,
  series_folded,
  stall_records_suppressed,
  program_runs,
  program_seconds,
  process_cpu_seconds,
  process_open_fds,
  process_max_fds,
  process_virtual_memory,
  process_resident_memory,
  process_start_time,
};

inline constexpr std::size_t kMetricCount =
    static_cast<std::size_t>(Metric::process_start_time) + 1;

enum class MetricType : uint8_t { counter, gauge, histogram };

enum class Scope : uint8_t {
  service,  ///< carries the labels of loops::LoopLabels before its own
  agent,    ///< describes the agent itself
};

enum class Stability : uint8_t {
  stable,        ///< name, labels and meaning change only with a new major version
  experimental,  ///< may change with a minor version, with a line in the changelog
};

/// One row of the catalogue. All strings are static; `help` is one line.
struct MetricInfo {
  Metric id;
  std::string_view name;
  MetricType type;
  std::string_view unit;  ///< seconds, bytes, ratio, or empty for plain counts
  Scope scope;
  std::vector<std::string_view> labels;  ///< own labels, after those of the scope
  Stability stability;
  std::string_view help;
};

/// Labels that every series of Scope::service may carry. The last three are left out of a series
/// when they are empty, which is the case outside Kubernetes.
std::span<const std::string_view> service_label_names();

/// The whole catalogue, indexed by Metric.
std::span<const MetricInfo> catalogue();

const MetricInfo& info(Metric metric);

std::string_view type_name(MetricType type);

/// The catalogue as the table of docs/metrics.md; ends with a newline.
std::string catalogue_markdown();

}  // namespace loopstall::exposition
