// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "cli/command_line.h"

namespace loopstall::cli {

/// Exit statuses of `loopstall check` besides 2 and 3.
inline constexpr int kCheckFails = 1;
inline constexpr int kCheckCannotJudge = 4;

/// Measures a service for a while, reports what its team does not accept, and returns the exit
/// status: 0 clean, kCheckFails, or kCheckCannotJudge when the service or its load ended in the
/// middle or it had nothing to do.
base::Result<int> run_check(const CheckRequest& request);

}  // namespace loopstall::cli
