// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace loopstall::doctor {

/// What the agent needs of the machine, as it is. Nothing in an optional: the machine does not say.
struct Machine {
  std::string kernel;        ///< uname -r
  std::string architecture;  ///< uname -m
  std::string btf_path;
  bool has_btf = false;                 ///< it can be read from that file
  std::optional<std::string> lockdown;  ///< "none", "integrity" or "confidentiality"
  std::string needed_capabilities;      ///< names, with commas
  std::string missing_capabilities;     ///< of those; empty: it has them all
  bool may_sample = true;               ///< CPU time, by trying
  std::optional<uint64_t>
      tick_price_ns;  ///< of the sampling clock, from the CPU that it interrupts
  std::optional<int> perf_event_paranoid;
  bool has_tracefs = false;              ///< its system calls' tracepoints can be seen
  int cgroup_version = 0;                ///< 1, 2, or 0 where none is mounted
  std::optional<bool> sees_all_pids;     ///< it is in the first pid namespace
  std::optional<bool> sees_all_cgroups;  ///< it is in the first cgroup namespace
};

/// Reads it, below `root` ("" but for tests). `btf_path`: empty is the kernel's own.
Machine read_machine(const std::string& root, const std::string& btf_path);

}  // namespace loopstall::doctor
