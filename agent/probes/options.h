// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace loopstall::probes {

/// Which step of the hook ladder to use for the turn boundaries.
enum class BoundaryHook : uint8_t { automatic, fentry, kprobe, tracepoint, tp_btf };

/// What the programs are loaded with.
struct ProbeOptions {
  uint64_t stall_threshold_ns = 100'000'000;
  uint64_t min_block_ns = 1'000'000;
  uint32_t sample_rate_hz = 99;
  uint32_t max_loops = 2048;
  BoundaryHook hook = BoundaryHook::automatic;
  std::string btf_path;  ///< empty: the kernel's own
};

}  // namespace loopstall::probes
