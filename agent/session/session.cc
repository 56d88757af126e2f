// SPDX-License-Identifier: Apache-2.0
#include "session/session.h"

#include <utility>

#include "host/procfs.h"
#include "session/measurement.h"

namespace loopstall::session {
namespace {

constexpr int kPollMs = 50;
constexpr int kDiscoveryPollMs = 1;
constexpr uint64_t kPublishNs = 250'000'000;
constexpr uint64_t kSweepNs = 60'000'000'000;

probes::ProbeOptions probe_options(const config::Config& config) {
  probes::ProbeOptions options;
  options.stall_threshold_ns = config.stall_threshold_ns;
  options.min_block_ns = config.min_block_ns;
  options.sample_rate_hz = config.sample_rate_hz;
  options.max_loops = config.max_loops;
  options.btf_path = config.btf_path;
  switch (config.hook) {
    case config::HookMode::automatic:
      options.hook = probes::BoundaryHook::automatic;
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
  return {config.pids, config.transparent_functions, config.application_packages};
}

base::Result<void> check_pids(const host::Procfs& procfs, const config::Config& config) {
  for (const uint32_t pid : config.pids) {
    if (!procfs.stat(static_cast<pid_t>(pid))) {
      return base::fail(base::ErrorKind::environment,
                        "no process has pid {}; give the pid of a running one with --pid", pid);
    }
  }
  return {};
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
  std::unique_ptr<Measurement> measurement;
};

base::Result<std::unique_ptr<Session>> Session::start(const config::Config& config,
                                                      const base::Clock& clock) {
  auto parts = std::unique_ptr<Parts>(new Parts{config, clock, host::Procfs(), {}, {}, {}, {}});
  if (auto exist = check_pids(parts->procfs, config); !exist) {
    return tl::unexpected(exist.error());
  }
  if (!config.stall_log.empty()) {
    auto log = StallLog::open(config.stall_log);
    if (!log) return tl::unexpected(log.error());
    parts->log = std::move(*log);
  }
  auto probes = probes::Probes::attach(probe_options(config));
  if (!probes) return tl::unexpected(probes.error());
  parts->probes = std::move(*probes);
  parts->resolver =
      std::make_unique<Resolver>(parts->procfs, parts->clock, resolver_options(config));
  parts->measurement =
      std::make_unique<Measurement>(parts->config, parts->clock, parts->procfs, *parts->probes,
                                    *parts->resolver, parts->log.get());
  parts->resolver->scan();
  return std::unique_ptr<Session>(new Session(std::move(parts)));
}

Session::Session(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {
  publish();
  thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
}

Session::~Session() { stop(); }

void Session::stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  parts_.reset();
}

std::shared_ptr<const stalls::Snapshot> Session::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

void Session::publish() {
  auto fresh = std::make_shared<const stalls::Snapshot>(parts_->measurement->snapshot());
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(fresh);
}

void Session::run(std::stop_token stop) {
  Measurement& measurement = *parts_->measurement;
  uint64_t published_ns = 0;
  uint64_t swept_ns = parts_->clock.monotonic_ns();
  while (!stop.stop_requested()) {
    parts_->probes->poll(measurement.is_discovering() ? kDiscoveryPollMs : kPollMs,
                         [&](const probes::Event& event) { measurement.handle(event); });
    for (ResolverResult& result : parts_->resolver->take_results()) {
      measurement.handle(std::move(result));
    }
    measurement.advance();
    const uint64_t now_ns = parts_->clock.monotonic_ns();
    if (now_ns - published_ns < kPublishNs) continue;
    published_ns = now_ns;
    measurement.read_accounts();
    publish();
    if (now_ns - swept_ns < kSweepNs) continue;
    swept_ns = now_ns;
    measurement.sweep_processes();
  }
}

}  // namespace loopstall::session
