// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

namespace loopstall::host {

/// Whether descriptor `fd` is the same open file in both processes, as after a fork. False too
/// where one of them has none of that number, or where the kernel does not say (no kcmp, no
/// privilege).
bool share_file(pid_t one, pid_t other, int fd);

}  // namespace loopstall::host
