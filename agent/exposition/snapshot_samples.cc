// SPDX-License-Identifier: Apache-2.0
#include "exposition/snapshot_samples.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "exposition/text_format.h"

namespace loopstall::exposition {
namespace {

using stalls::AgentHealth;
using stalls::ByCause;
using stalls::Cause;
using stalls::ServiceSnapshot;

double seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }
double plain(uint64_t count) { return static_cast<double>(count); }

/// Seconds since the epoch of a time of creation; 0 when that is not known.
double wall_seconds(uint64_t created_ns, uint64_t wall_offset_ns) {
  return created_ns == 0 ? 0 : seconds(created_ns + wall_offset_ns);
}

void add_by_cause(SampleModel& model, Metric metric, const ServiceSnapshot& service,
                  const ByCause& values, double (*unit)(uint64_t), double created) {
  for (std::size_t i = 0; i < stalls::kCauseCount; ++i) {
    const auto cause = static_cast<Cause>(i);
    model.add(metric, service.labels, {stalls::cause_name(cause)}, unit(values[i]), created);
  }
}

using Exemplars = std::map<loops::LoopLabels, std::vector<Exemplar>>;

/// The newest stall of each bucket, by service. Of startup there are none: it has no turns.
Exemplars exemplars_of(const stalls::Snapshot& snapshot) {
  Exemplars exemplars;
  for (const auto& stall : snapshot.stalls) {  // newest first
    if (stall->phase != "serving") continue;
    std::vector<Exemplar>& own = exemplars[stall->labels];
    const std::size_t bucket = stalls::bucket_of(stall->duration_ns);
    const bool is_taken = std::any_of(own.begin(), own.end(), [&](const Exemplar& exemplar) {
      return exemplar.bucket == bucket;
    });
    if (is_taken) continue;
    own.push_back({bucket, stall->id, seconds(stall->duration_ns),
                   seconds(stall->start_wall_ns + stall->duration_ns)});
  }
  return exemplars;
}

void add_account(SampleModel& model, const ServiceSnapshot& service, const Exemplars& exemplars,
                 uint64_t wall_offset_ns) {
  const auto& labels = service.labels;
  const auto own = exemplars.find(labels);
  const double created = wall_seconds(service.created_ns, wall_offset_ns);
  const auto add = [&](Metric metric, double value) {
    model.add(metric, labels, {}, value, created);
  };
  model.add(Metric::turn_seconds, labels, {}, service.turns, created,
            own == exemplars.end() ? std::vector<Exemplar>() : own->second);
  model.add(Metric::timer_lag, labels, {}, service.timer_lag, created);
  add_by_cause(model, Metric::busy_seconds, service, service.busy_ns, seconds, created);
  add(Metric::idle_seconds, seconds(service.idle_ns));
  add_by_cause(model, Metric::stalls, service, service.stalls, plain, created);
  add_by_cause(model, Metric::stall_seconds, service, service.stall_ns, seconds, created);
  add(Metric::startup_seconds, seconds(service.startup_ns));
  add(Metric::ready_events, plain(service.ready_events));
  add(Metric::delayed_events, plain(service.delayed_events));
  for (const stalls::SyscallSeries& series : service.syscalls) {
    model.add(Metric::syscall_blocked_seconds, labels, {series.syscall}, seconds(series.blocked_ns),
              created);
  }
}

void add_functions(SampleModel& model, const ServiceSnapshot& service, uint64_t wall_offset_ns) {
  for (const stalls::FunctionSeries& series : service.functions) {
    const double created = wall_seconds(series.created_ns, wall_offset_ns);
    const std::string_view cause = stalls::cause_name(series.cause);
    const auto add = [&](Metric metric, SampleValue value) {
      model.add(metric, service.labels, {series.function, series.file, cause}, std::move(value),
                created);
    };
    add(Metric::blocking_seconds, series.holds);
    add(Metric::function_busy_seconds, seconds(series.busy_ns));
    add(Metric::function_harm, seconds(series.harm_ns));
  }
  for (const stalls::DeathSeries& series : service.deaths) {
    model.add(Metric::killed_in_stall, service.labels, {series.function, series.file},
              plain(series.count), wall_seconds(series.created_ns, wall_offset_ns));
  }
  for (const stalls::EntrySeries& series : service.entries) {
    model.add(Metric::entry_busy_seconds, service.labels,
              {series.entry, stalls::cause_name(series.cause)}, seconds(series.busy_ns),
              wall_seconds(series.created_ns, wall_offset_ns));
  }
}

void add_gauges(SampleModel& model, const ServiceSnapshot& service, uint64_t snapshot_ns,
                const Present& present) {
  if (service.loops.empty()) return;
  model.add(Metric::loops, service.labels, {}, plain(service.loops.size()));
  model.add(Metric::pool_threads, service.labels, {"busy"}, plain(service.pool.busy));
  model.add(Metric::pool_threads, service.labels, {"idle"}, plain(service.pool.idle));
  model.add(Metric::utilization_max, service.labels, {}, service.utilization_max);
  model.add(Metric::turn_in_progress, service.labels, {},
            seconds(oldest_turn_age_ns(service, snapshot_ns, present)));
}

/// `created`: when the agent was started, or 0.
void add_health(SampleModel& model, const AgentHealth& health, double created) {
  for (const auto& hook : health.hooks) model.add(Metric::hook_info, {hook.hook, hook.mode}, 1.0);
  for (const auto& target : health.targets) {
    model.add(Metric::targets, {target.runtime, target.state}, plain(target.count));
  }
  for (const auto& lost : health.events_lost) {
    model.add(Metric::events_lost, {lost.reason}, plain(lost.count), created);
  }
  for (const auto& error : health.stack_errors) {
    model.add(Metric::stack_errors, {error.runtime, error.reason}, plain(error.count), created);
  }
  for (const auto& program : health.programs) {
    model.add(Metric::program_runs, {program.program}, plain(program.runs), created);
    model.add(Metric::program_seconds, {program.program}, program.seconds, created);
  }
  if (health.account_error_ratio) {
    model.add(Metric::account_error_ratio, {}, *health.account_error_ratio);
  }
  model.add(Metric::canary_reported, {}, plain(health.canary.reported), created);
  model.add(Metric::canary_missed, {}, plain(health.canary.missed), created);
  model.add(Metric::overhead_cores, {}, health.budget.used);
  model.add(Metric::overhead_budget_cores, {}, health.budget.allowed);
  model.add(Metric::sample_rate, {}, plain(health.sample_rate_hz));
  if (health.tick_price_ns) {
    model.add(Metric::tick_price, {}, static_cast<double>(*health.tick_price_ns) / 1e9);
  }
  for (const std::string_view level : stalls::kDetailNames) {
    model.add(Metric::detail, {level},
              level == stalls::detail_name(health.budget.detail) ? 1.0 : 0.0);
  }
  model.add(Metric::series_folded, {}, plain(health.series_folded), created);
  model.add(Metric::stall_records_suppressed, {}, plain(health.stall_records_suppressed), created);
}

void add_process(SampleModel& model, const ProcessStats& process) {
  model.add(Metric::process_cpu_seconds, {}, process.cpu_seconds, process.start_time_seconds);
  model.add(Metric::process_open_fds, {}, plain(process.open_fds));
  if (process.max_fds) model.add(Metric::process_max_fds, {}, plain(*process.max_fds));
  model.add(Metric::process_virtual_memory, {}, plain(process.virtual_bytes));
  model.add(Metric::process_resident_memory, {}, plain(process.resident_bytes));
  model.add(Metric::process_start_time, {}, process.start_time_seconds);
}

}  // namespace

SampleModel snapshot_samples(const stalls::Snapshot& snapshot, const ScrapeContext& context) {
  SampleModel model;
  const Exemplars exemplars = exemplars_of(snapshot);
  for (const ServiceSnapshot& service : snapshot.services) {
    add_account(model, service, exemplars, snapshot.wall_offset_ns);
    add_functions(model, service, snapshot.wall_offset_ns);
    add_gauges(model, service, snapshot.monotonic_ns, context.present);
  }
  model.add(Metric::build_info, {context.build.version, context.build.revision}, 1.0);
  add_health(model, snapshot.health, context.process ? context.process->start_time_seconds : 0);
  if (context.process) add_process(model, *context.process);
  model.settle();
  return model;
}

std::string snapshot_text(const stalls::Snapshot& snapshot) {
  return to_text(snapshot_samples(snapshot, {.present = {.now_ns = snapshot.monotonic_ns}}));
}

}  // namespace loopstall::exposition
