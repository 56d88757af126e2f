// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace loopstall::cli {

/// Prints `loopstall VERSION`, and the source revision where the build knew it.
void print_version();

}  // namespace loopstall::cli
