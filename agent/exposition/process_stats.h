// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace loopstall::exposition {

/// The agent's own resources, as Prometheus client libraries report them.
struct ProcessStats {
  double cpu_seconds = 0;         ///< user and system
  double start_time_seconds = 0;  ///< since the epoch
  uint64_t virtual_bytes = 0;
  uint64_t resident_bytes = 0;
  uint64_t open_fds = 0;
  std::optional<uint64_t> max_fds;  ///< none when unlimited
};

/// Reads `proc`/self and `proc`/stat (proc_pid_stat(5)). None when they cannot be read.
/// Thread-safe.
std::optional<ProcessStats> read_process_stats(const std::filesystem::path& proc = "/proc");

}  // namespace loopstall::exposition
