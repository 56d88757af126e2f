// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "config/config.h"

namespace loopstall::cli {

/// Measures and serves until SIGINT, SIGTERM or SIGHUP, and then leaves no BPF program behind.
/// Fails with ErrorKind::environment when the kernel, the privileges or a port do not allow it.
base::Result<void> run_agent(const config::Config& config);

}  // namespace loopstall::cli
