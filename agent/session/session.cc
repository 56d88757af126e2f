// SPDX-License-Identifier: Apache-2.0
#include "session/session.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "host/procfs.h"
#include "probes/tick_price.h"
#include "session/canary.h"
#include "session/live_outside.h"
#include "session/measurement.h"
#include "session/own_advice.h"
#include "session/recorder.h"
#include "session/step.h"
#include "session/wanted_pids.h"

namespace loopstall::session {
namespace {

constexpr int kPollMs = 50;
constexpr int kDiscoveryPollMs = 1;
constexpr uint64_t kPublishNs = 250'000'000;
constexpr uint64_t kSweepNs = 60'000'000'000;
constexpr uint64_t kMaxCanaryHoldNs = 2'000'000'000;

probes::ProbeOptions probe_options(const config::Config& config) {
  probes::ProbeOptions options;
  options.stall_threshold_ns = config.stall_threshold_ns;
  options.min_block_ns = config.min_block_ns;
  options.sample_rate_hz = config.sample_rate_hz;
  options.max_loops = config.max_loops + 1;  // the canary's
  options.btf_path = config.btf_path;
  switch (config.hook) {
    case config::HookMode::automatic:
      options.hook = probes::BoundaryHook::automatic;
      break;
    case config::HookMode::fentry:
      options.hook = probes::BoundaryHook::fentry;
      break;
    case config::HookMode::kprobe:
      options.hook = probes::BoundaryHook::kprobe;
      break;
    case config::HookMode::tracepoint:
      options.hook = probes::BoundaryHook::tracepoint;
      break;
    case config::HookMode::tp_btf:
      options.hook = probes::BoundaryHook::tp_btf;
      break;
  }
  return options;
}

ResolverOptions resolver_options(const config::Config& config) {
  return {config.pids, config.transparent_functions, config.application_packages,
          config.with_children};
}

BudgetLimits budget_limits(const config::Config& config) {
  const long cores = ::sysconf(_SC_NPROCESSORS_ONLN);
  return {config.budget, config.budget_per_core, static_cast<uint32_t>(std::max(cores, 1L))};
}

std::string_view words_of(stalls::Detail detail) {
  switch (detail) {
    case stalls::Detail::full:
      return "everything again";
    case stalls::Detail::fewer_stacks:
      return "with one stack of eight";
    case stalls::Detail::no_stacks:
      return "without stacks: no function is named";
    case stalls::Detail::turns:
      return "the length of turns only: no cause is named";
  }
  return "";
}

static_assert(probes::kMostRateHz == config::kUsualRateHz);

/// Decides how often the clock ticks where the user did not, by the price of a tick: which it
/// returns.
std::optional<uint64_t> settle_sample_rate(config::Config& config) {
  if (config.sample_rate_hz != config::kAutomaticRate) return std::nullopt;
  const std::optional<uint64_t> price_ns = probes::measure_tick_price_ns();
  config.sample_rate_hz = probes::affordable_rate_hz(price_ns);
  return price_ns;
}

/// Once it measures: what cannot be measured at all is told in one sentence.
void tell_of_slow_clock(uint32_t sample_rate_hz, std::optional<uint64_t> tick_price_ns) {
  if (!tick_price_ns || sample_rate_hz >= config::kUsualRateHz) return;
  base::log_warning("a tick of the sampling clock takes {} us here: it ticks {} times a second",
                    *tick_price_ns / 1000, sample_rate_hz);
}

/// A stall, where that is not too long to be made once a minute.
uint64_t canary_hold_ns(const config::Config& config) {
  return std::min(config.stall_threshold_ns + config.stall_threshold_ns / 4, kMaxCanaryHoldNs);
}

}  // namespace

/// In the order of their dependencies, so that they are destroyed in the reverse one.
struct Session::Parts {
  config::Config config;
  const base::Clock& clock;
  host::Procfs procfs;
  std::unique_ptr<StallLog> log;
  std::unique_ptr<probes::Probes> probes;
  std::unique_ptr<Resolver> resolver;
  std::unique_ptr<Canary> canary;
  std::unique_ptr<LiveOutside> outside;
  std::unique_ptr<Recorder> recorder;  // null unless it is wanted
  std::unique_ptr<Measurement> measurement;
  std::optional<uint64_t> tick_price_ns;
};

base::Result<std::unique_ptr<Session>> Session::start(const config::Config& config,
                                                      const base::Clock& clock) {
  auto parts = std::unique_ptr<Parts>(
      new Parts{config, clock, host::Procfs(), {}, {}, {}, {}, {}, {}, {}, {}});
  if (auto advice = own_advice(config); !advice) return tl::unexpected(advice.error());
  if (auto exist = check_pids(parts->procfs, config.pids); !exist) {
    return tl::unexpected(exist.error());
  }
  if (!config.stall_log.empty()) {
    auto log = StallLog::open(config.stall_log);
    if (!log) return tl::unexpected(log.error());
    parts->log = std::move(*log);
  }
  Recorder::File recording;
  if (!config.record.empty()) {
    auto file = Recorder::create_file(config.record);
    if (!file) return tl::unexpected(file.error());
    recording = std::move(*file);
  }
  parts->tick_price_ns = settle_sample_rate(parts->config);
  auto probes = probes::Probes::attach(probe_options(parts->config));
  if (!probes) return tl::unexpected(probes.error());
  parts->probes = std::move(*probes);
  tell_of_slow_clock(parts->config.sample_rate_hz, parts->tick_price_ns);
  // Before the first thread, for threads inherit what is left.
  if (config.drop_capabilities) {
    const auto kept = parts->probes->drop_capabilities();
    if (!kept) return tl::unexpected(kept.error());
    base::log_info("of its capabilities it keeps {}", *kept);
  }
  parts->resolver =
      std::make_unique<Resolver>(parts->procfs, parts->clock, resolver_options(config));
  auto canary = Canary::start(parts->clock, canary_hold_ns(parts->config));
  if (!canary) return tl::unexpected(canary.error());
  parts->canary = std::move(*canary);
  parts->outside =
      std::make_unique<LiveOutside>(parts->clock, parts->procfs, *parts->probes, *parts->resolver,
                                    parts->log.get(), parts->canary.get());
  if (recording) {
    parts->recorder =
        std::make_unique<Recorder>(std::move(recording), parts->config, *parts->outside);
  }
  parts->measurement = std::make_unique<Measurement>(
      parts->config, parts->recorder ? static_cast<Outside&>(*parts->recorder) : *parts->outside);
  parts->measurement->watch_canary();
  parts->resolver->scan();
  return std::unique_ptr<Session>(new Session(std::move(parts)));
}

Session::Session(std::unique_ptr<Parts> parts)
    : parts_(std::move(parts)), budget_(budget_limits(parts_->config)) {
  slots_ = &parts_->probes->slots();
  publish();
  if (parts_->recorder) parts_->recorder->end_step();
  thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
}

Session::~Session() { stop(); }

void Session::stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  // So that snapshot and stack times are of one moment; what is recorded ends with its last step.
  if (parts_ && !parts_->recorder) publish();
  if (parts_) stack_times_ = parts_->measurement->stack_times();
  const std::lock_guard lock(mutex_);
  slots_ = nullptr;
  parts_.reset();
}

std::shared_ptr<const stalls::Snapshot> Session::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

std::optional<stalls::TurnInProgress> Session::turn_of(const stalls::LoopState& loop) const {
  const std::lock_guard lock(mutex_);
  if (slots_ == nullptr) return std::nullopt;
  const auto account = slots_->read(loop.slot);
  if (!account || account->generation != loop.generation) return std::nullopt;
  return stalls::turn_in_progress(*account);
}

void Session::publish() {
  auto fresh = std::make_shared<stalls::Snapshot>(parts_->measurement->snapshot());
  fresh->health.tick_price_ns = parts_->tick_price_ns;
  if (history_.add(*fresh)) shown_history_ = std::make_shared<const stalls::History>(history_);
  fresh->history = shown_history_;
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(fresh);
}

void Session::run(std::stop_token stop) {
  uint64_t published_ns = 0;
  uint64_t swept_ns = parts_->outside->monotonic_ns();
  while (!stop.stop_requested()) {
    Step step = wait_for_step();
    step.publishes = step.monotonic_ns - published_ns >= kPublishNs;
    if (step.publishes) keep_budget(step.monotonic_ns);
    step.budget = budget_.state();
    step.sweeps = step.publishes && step.monotonic_ns - swept_ns >= kSweepNs;
    if (step.publishes) published_ns = step.monotonic_ns;
    if (step.sweeps) swept_ns = step.monotonic_ns;
    if (parts_->recorder) parts_->recorder->begin_step(step);
    const bool publishes = step.publishes;
    take_step(*parts_->measurement, std::move(step));
    if (publishes) publish();
    if (parts_->recorder) parts_->recorder->end_step();
  }
}

/// Of the agent's threads now, and of its programs as last published, since both began.
uint64_t Session::cost_ns() const {
  double seconds = static_cast<double>(base::read_clock_ns(CLOCK_PROCESS_CPUTIME_ID)) / 1e9;
  const auto last = snapshot();
  for (const auto& program : last->health.programs) seconds += program.seconds;
  return static_cast<uint64_t>(seconds * 1e9);
}

void Session::keep_budget(uint64_t now_ns) {
  const stalls::Detail before = budget_.state().detail;
  if (!budget_.see(now_ns, cost_ns(), parts_->measurement->live_loops())) return;
  const auto& [used, allowed, detail] = budget_.state();
  if (!parts_->probes->set_detail(detail)) {
    budget_.stay_at(before);
    return;
  }
  base::log_warning("the agent used {:.2f} % of a core of the {:.2f} % it may use: it measures {}",
                    100 * used, 100 * allowed, words_of(detail));
}

Step Session::wait_for_step() {
  Step step;
  parts_->probes->poll(parts_->measurement->is_discovering() ? kDiscoveryPollMs : kPollMs,
                       [&](probes::Event&& event) { step.events.push_back(std::move(event)); });
  parts_->outside->begin_step();
  step.monotonic_ns = parts_->outside->monotonic_ns();
  step.wall_ns = parts_->outside->wall_ns();
  step.results = parts_->resolver->take_results();
  return step;
}

}  // namespace loopstall::session
