// SPDX-License-Identifier: Apache-2.0
#include "cli/measuring.h"

#include <chrono>
#include <thread>
#include <utility>

#include "base/log.h"

namespace loopstall::cli {
namespace {

constexpr std::chrono::milliseconds kStep{20};
constexpr uint64_t kScanPatienceNs = 60'000'000'000;

}  // namespace

base::Result<std::unique_ptr<session::Session>> start_measuring(config::Config config,
                                                                const base::Clock& clock) {
  base::set_log_level(base::LogLevel::error);
  config.functions_per_container = 1000;
  config.drop_capabilities = false;  // it starts programs, and writes files, with its user's rights
  if (config.sample_rate_hz == config::kAutomaticRate) config.sample_rate_hz = config::kUsualRateHz;
  config.budget = 1;
  config.budget_per_core = 1;
  return session::Session::start(config, clock);
}

bool wait_until_ready(StopSignals& signals, const base::Clock& clock,
                      const session::Session& session) {
  return wait_until(signals, clock, kScanPatienceNs,
                    [&] { return session.snapshot()->health.ready; });
}

bool wait_until(StopSignals& signals, const base::Clock& clock, uint64_t patience_ns,
                const std::function<bool()>& is_done) {
  const uint64_t begin_ns = clock.monotonic_ns();
  while (!is_done() && clock.monotonic_ns() - begin_ns < patience_ns) {
    if (signals.has_arrived()) return false;
    std::this_thread::sleep_for(kStep);
  }
  return true;
}

}  // namespace loopstall::cli
