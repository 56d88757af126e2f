// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "cli/stop_signals.h"
#include "config/config.h"
#include "session/session.h"

namespace loopstall::cli {

/// A measurement of a command that somebody waits for: it names everything, whatever that costs,
/// and what it would log is for the agent's owner, not for its user. `clock` must outlive it.
base::Result<std::unique_ptr<session::Session>> start_measuring(config::Config config,
                                                                const base::Clock& clock);

/// Waits until the first scan, which reads every process of the node, is done; not for ever. False
/// when a stop signal came first.
bool wait_until_ready(StopSignals& signals, const base::Clock& clock,
                      const session::Session& session);

/// Waits, in short steps, until `is_done` or that many nanoseconds are over. False when a stop
/// signal came first.
bool wait_until(StopSignals& signals, const base::Clock& clock, uint64_t patience_ns,
                const std::function<bool()>& is_done);

}  // namespace loopstall::cli
