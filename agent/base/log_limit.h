// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace loopstall::base {

/// How many messages may be written: a burst, and so many a second after it. A target that makes
/// the agent complain must not fill the node's logs. Not thread-safe.
class LogLimit {
 public:
  static constexpr uint64_t kBurst = 100;
  static constexpr uint64_t kPerSecond = 5;

  /// Whether one more may be written at `now_ns`, a monotonic time; counts it as left out if not.
  bool admits(uint64_t now_ns);
  /// How many were left out since the last call.
  uint64_t take_left_out();

 private:
  uint64_t filled_ns_ = 0;  // when `tokens_` was right
  uint64_t tokens_ = kBurst;
  uint64_t left_out_ = 0;
};

}  // namespace loopstall::base
