// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

namespace loopstall::base {
namespace {

class SystemClock final : public Clock {
 public:
  uint64_t monotonic_ns() const override { return read_clock_ns(CLOCK_MONOTONIC); }
  uint64_t wall_ns() const override { return read_clock_ns(CLOCK_REALTIME); }
};

}  // namespace

uint64_t read_clock_ns(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace loopstall::base
