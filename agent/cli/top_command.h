// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "cli/command_line.h"

namespace loopstall::cli {

/// Shows loops and what holds them until the user leaves; once, as plain text, where standard
/// output or input is no terminal.
base::Result<void> run_top(const TopRequest& request);

}  // namespace loopstall::cli
