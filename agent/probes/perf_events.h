// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/unique_fd.h"

namespace loopstall::probes {

/// A software clock that samples `rate_hz` times a second of CPU time, idle time left out: of a CPU
/// (`pid` -1) or of a thread (`cpu` -1; `pid` 0 is the calling one). None when the kernel refuses:
/// errno says why.
base::UniqueFd open_cpu_clock(pid_t pid, int cpu, uint32_t rate_hz);

/// A tracepoint, on all CPUs for BPF programs, and still disabled; `folder` is tracefs' for it.
/// None when the kernel refuses: errno says why.
base::UniqueFd open_tracepoint(const std::string& folder);

}  // namespace loopstall::probes
