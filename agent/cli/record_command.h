// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "cli/command_line.h"

namespace loopstall::cli {

/// Measures for a while, or until SIGINT or the command's end, and writes what held the loops.
/// Fails with ErrorKind::target when there was no loop.
base::Result<void> run_record(const RecordRequest& request);

}  // namespace loopstall::cli
