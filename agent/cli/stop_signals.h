// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>

namespace loopstall::cli {

/// SIGINT, SIGTERM and SIGHUP as something to wait for. Made by the main thread before any other
/// thread starts, since threads inherit the mask; at its end the old mask is back.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// Blocks until one arrives, and returns it. From then on the next one ends the process at once,
  /// so that a stop that hangs can be broken off.
  int wait();

  /// Whether one has arrived, which ends nothing else.
  bool has_arrived();

 private:
  sigset_t awaited_;
  sigset_t previous_;
};

}  // namespace loopstall::cli
