// SPDX-License-Identifier: Apache-2.0
#include "exposition/catalogue.h"

#include <fmt/format.h>

#include <array>

namespace loopstall::exposition {
namespace {

constexpr std::array<std::string_view, 5> kServiceLabels = {"process", "runtime", "namespace",
                                                            "pod", "container"};

const std::array<MetricInfo, kMetricCount>& table() {
  using enum MetricType;
  using enum Scope;
  using enum Stability;
  static const std::array<MetricInfo, kMetricCount> rows = {{
      {Metric::turn_seconds,
       "loopstall_turn_seconds",
       histogram,
       "seconds",
       service,
       {},
       stable,
       "Duration of every turn of the event loop after startup."},
      {Metric::busy_seconds,
       "loopstall_busy_seconds_total",
       counter,
       "seconds",
       service,
       {"cause"},
       stable,
       "Time inside turns by cause; the sum over causes is all busy time."},
      {Metric::idle_seconds,
       "loopstall_idle_seconds_total",
       counter,
       "seconds",
       service,
       {},
       stable,
       "Time that the loop slept in its home wait."},
      {Metric::utilization_max,
       "loopstall_utilization_max_ratio",
       gauge,
       "ratio",
       service,
       {},
       stable,
       "Busy share of the busiest loop that shares these labels, over the last 60 seconds."},
      {Metric::blocking_seconds,
       "loopstall_blocking_seconds",
       histogram,
       "seconds",
       service,
       {"function", "file", "cause"},
       stable,
       "How long a function held the loop in one turn, for holds of 1 ms and more, by that hold's "
       "dominant cause."},
      {Metric::function_busy_seconds,
       "loopstall_function_busy_seconds_total",
       counter,
       "seconds",
       service,
       {"function", "file", "cause"},
       stable,
       "Unbiased split of busy time by function; its rate over the rate of busy plus idle is the "
       "function's occupancy of the loop."},
      {Metric::function_harm,
       "loopstall_function_harm_seconds_total",
       counter,
       "seconds",
       service,
       {"function", "file", "cause"},
       experimental,
       "Estimated time that others waited for the function's part of stalls: the descriptors found "
       "ready when a stall ended, times half of that part."},
      {Metric::entry_busy_seconds,
       "loopstall_entry_busy_seconds_total",
       counter,
       "seconds",
       service,
       {"entry", "cause"},
       stable,
       "Busy time by entry: the endpoint or task."},
      {Metric::syscall_blocked_seconds,
       "loopstall_syscall_blocked_seconds_total",
       counter,
       "seconds",
       service,
       {"syscall"},
       stable,
       "Time that the loop's thread was blocked inside turns, by system call."},
      {Metric::stalls,
       "loopstall_stalls_total",
       counter,
       "",
       service,
       {"cause"},
       stable,
       "Turns at or above the stall threshold, by dominant cause."},
      {Metric::stall_seconds,
       "loopstall_stall_seconds_total",
       counter,
       "seconds",
       service,
       {"cause"},
       stable,
       "Whole time of the turns at or above the stall threshold, by dominant cause."},
      {Metric::startup_seconds,
       "loopstall_startup_seconds_total",
       counter,
       "seconds",
       service,
       {},
       stable,
       "Busy time before the service began to serve; never counted as a stall."},
      {Metric::turn_in_progress,
       "loopstall_turn_in_progress_seconds",
       gauge,
       "seconds",
       service,
       {},
       stable,
       "Age, at the scrape, of the oldest turn now in progress (startup included); 0 while all "
       "loops are idle."},
      {Metric::timer_lag,
       "loopstall_timer_lag_seconds",
       histogram,
       "seconds",
       service,
       {},
       experimental,
       "How long after a timer was due, by the time-out of an earlier home wait, the loop came "
       "back from the home wait that runs it. A timer that was cancelled in the very turn that "
       "held it up is counted."},
      {Metric::ready_events,
       "loopstall_ready_events_total",
       counter,
       "",
       service,
       {},
       stable,
       "File descriptors that home waits handed over as ready."},
      {Metric::delayed_events,
       "loopstall_delayed_events_total",
       counter,
       "",
       service,
       {},
       stable,
       "File descriptors found ready by the home wait that ended a stall: work that had to wait."},
      {Metric::killed_in_stall,
       "loopstall_killed_in_stall_total",
       counter,
       "",
       service,
       {"function", "file"},
       stable,
       "Processes that were killed, crashed or exited inside a stall, by the function that held "
       "the loop longest in it."},
      {Metric::loops, "loopstall_loops", gauge, "", service, {}, stable, "Loops now observed."},
      {Metric::pool_threads,
       "loopstall_pool_threads",
       gauge,
       "",
       service,
       {"state"},
       experimental,
       "Threads of the thread pools (concurrent.futures, anyio, trio) of processes with a loop "
       "that have work (busy) or wait for it (idle), as seen every five seconds. None idle for "
       "long: work waits for a thread."},
      {Metric::build_info,
       "loopstall_build_info",
       gauge,
       "",
       agent,
       {"version", "revision"},
       stable,
       "Version of the agent; the value is 1."},
      {Metric::hook_info,
       "loopstall_hook_info",
       gauge,
       "",
       agent,
       {"hook", "mode"},
       stable,
       "Kernel hook in use for each purpose; the value is 1."},
      {Metric::targets,
       "loopstall_targets",
       gauge,
       "",
       agent,
       {"runtime", "state"},
       stable,
       "Processes of this node by runtime and by what the agent does with them."},
      {Metric::events_lost,
       "loopstall_events_lost_total",
       counter,
       "",
       agent,
       {"reason"},
       stable,
       "Measurements that were lost, by reason."},
      {Metric::stack_errors,
       "loopstall_stack_errors_total",
       counter,
       "",
       agent,
       {"runtime", "reason"},
       stable,
       "Stacks that could not be read in full, by runtime and reason."},
      {Metric::account_error_ratio,
       "loopstall_account_error_ratio",
       gauge,
       "ratio",
       agent,
       {},
       experimental,
       "Largest disagreement, of any loop in its last minute, between its account and the clock or "
       "the scheduler's book of its thread, as a share of that time; absent before the first "
       "audit."},
      {Metric::canary_reported,
       "loopstall_canary_reported_total",
       counter,
       "",
       agent,
       {},
       experimental,
       "Stalls that the agent made in a loop of its own, one a minute, and that it reported "
       "rightly."},
      {Metric::canary_missed,
       "loopstall_canary_missed_total",
       counter,
       "",
       agent,
       {},
       experimental,
       "Stalls that the agent made in a loop of its own and that it did not report, or not "
       "rightly: it may miss others too."},
      {Metric::overhead_cores,
       "loopstall_overhead_cores",
       gauge,
       "",
       agent,
       {},
       experimental,
       "CPU time per second that the agent and its BPF programs use, of the last five seconds; 0 "
       "in the first ones."},
      {Metric::overhead_budget_cores,
       "loopstall_overhead_budget_cores",
       gauge,
       "",
       agent,
       {},
       experimental,
       "CPU time per second that they may use: --budget, and --budget-per-core for each core on "
       "which loops are observed."},
      {Metric::sample_rate,
       "loopstall_sample_rate_hertz",
       gauge,
       "hertz",
       agent,
       {},
       experimental,
       "Ticks per second of the sampling clock, on each CPU that is not idle."},
      {Metric::tick_price,
       "loopstall_tick_seconds",
       gauge,
       "seconds",
       agent,
       {},
       experimental,
       "What a tick of the sampling clock takes from its CPU, as measured when the agent started, "
       "without the agent's program; absent where it was not (--sample-rate was given). Of each "
       "busy CPU the clock takes this times loopstall_sample_rate_hertz, which "
       "loopstall_overhead_cores does not include."},
      {Metric::detail,
       "loopstall_detail",
       gauge,
       "",
       agent,
       {"level"},
       experimental,
       "1 for the level of detail that is measured, 0 for the others. Over its budget the agent "
       "measures less: full, fewer_stacks (one of eight), no_stacks (no function is named), turns "
       "(no cause is named)."},
      {Metric::series_folded,
       "loopstall_series_folded_total",
       counter,
       "",
       agent,
       {},
       stable,
       "Functions counted in function=~other for want of room."},
      {Metric::stall_records_suppressed,
       "loopstall_stall_records_suppressed_total",
       counter,
       "",
       agent,
       {},
       experimental,
       "Stalls that were counted but not recorded, because they came faster than the log's rate "
       "limit."},
      {Metric::program_runs,
       "loopstall_program_runs_total",
       counter,
       "",
       agent,
       {"program"},
       stable,
       "Runs of each of the agent's BPF programs."},
      {Metric::program_seconds,
       "loopstall_program_seconds_total",
       counter,
       "seconds",
       agent,
       {"program"},
       stable,
       "Time spent in each of the agent's BPF programs, estimated from every 1024th run."},
      {Metric::process_cpu_seconds,
       "process_cpu_seconds_total",
       counter,
       "seconds",
       agent,
       {},
       stable,
       "User and system CPU time of the agent."},
      {Metric::process_open_fds,
       "process_open_fds",
       gauge,
       "",
       agent,
       {},
       stable,
       "File descriptors that the agent has open."},
      {Metric::process_max_fds,
       "process_max_fds",
       gauge,
       "",
       agent,
       {},
       stable,
       "File descriptors that the agent may have open."},
      {Metric::process_virtual_memory,
       "process_virtual_memory_bytes",
       gauge,
       "bytes",
       agent,
       {},
       stable,
       "Virtual memory of the agent."},
      {Metric::process_resident_memory,
       "process_resident_memory_bytes",
       gauge,
       "bytes",
       agent,
       {},
       stable,
       "Resident memory of the agent."},
      {Metric::process_start_time,
       "process_start_time_seconds",
       gauge,
       "seconds",
       agent,
       {},
       stable,
       "Start of the agent, in seconds since the epoch."},
  }};
  return rows;
}

std::string_view stability_name(Stability stability) {
  return stability == Stability::stable ? "stable" : "experimental";
}

std::string labels_cell(const MetricInfo& row) {
  std::string cell;
  if (row.scope == Scope::service) cell = "*service*";
  for (std::string_view label : row.labels) {
    cell += fmt::format("{}`{}`", cell.empty() ? "" : ", ", label);
  }
  return cell;
}

}  // namespace

std::span<const std::string_view> service_label_names() { return kServiceLabels; }

std::span<const MetricInfo> catalogue() { return table(); }

const MetricInfo& info(Metric metric) { return table()[static_cast<std::size_t>(metric)]; }

std::string_view type_name(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::histogram:
      return "histogram";
  }
  return "untyped";
}

std::string catalogue_markdown() {
  std::string text =
      "| metric | type | unit | labels | stability | meaning |\n|---|---|---|---|---|---|\n";
  for (const MetricInfo& row : catalogue()) {
    text += fmt::format("| `{}` | {} | {} | {} | {} | {} |\n", row.name, type_name(row.type),
                        row.unit, labels_cell(row), stability_name(row.stability), row.help);
  }
  return text;
}

}  // namespace loopstall::exposition
