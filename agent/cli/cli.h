// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace loopstall::cli {

/// Runs the command that the words name. Returns the exit status: 0, 1 (a defect of ours),
/// 2 (usage) or 3 (environment); a failure's one sentence is on standard error. Nothing throws.
int run(int argc, char** argv);

}  // namespace loopstall::cli
