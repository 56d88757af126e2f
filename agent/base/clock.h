// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <time.h>

#include <cstdint>

namespace loopstall::base {

/// Time as the measurement sees it. Injected, so that tests decide what time it is.
class Clock {
 public:
  virtual ~Clock() = default;
  /// CLOCK_MONOTONIC in nanoseconds: the clock of bpf_ktime_get_ns and Python's time.monotonic.
  virtual uint64_t monotonic_ns() const = 0;
  /// CLOCK_REALTIME in nanoseconds since the epoch.
  virtual uint64_t wall_ns() const = 0;
};

/// That clock of the kernel's, in nanoseconds.
uint64_t read_clock_ns(clockid_t id);

/// The kernel's clocks.
const Clock& system_clock();

}  // namespace loopstall::base
