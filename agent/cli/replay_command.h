// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "cli/command_line.h"

namespace loopstall::cli {

/// Prints what a recorded agent had measured. Fails with ErrorKind::usage for a file that cannot be
/// read or is no recording.
base::Result<void> run_replay(const ReplayRequest& request);

}  // namespace loopstall::cli
