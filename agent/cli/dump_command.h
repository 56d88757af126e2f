// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "cli/command_line.h"

namespace loopstall::cli {

/// Prints where each loop is now. Fails with ErrorKind::environment where nothing can be measured,
/// and where there is no loop.
base::Result<void> run_dump(const DumpRequest& request);

}  // namespace loopstall::cli
