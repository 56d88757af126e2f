// SPDX-License-Identifier: Apache-2.0
#include "probes/cpu_clock.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace loopstall::probes {

base::UniqueFd open_cpu_clock(pid_t pid, int cpu, uint32_t rate_hz) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.freq = 1;
  attributes.sample_freq = rate_hz;
  attributes.exclude_idle = 1;
  return base::UniqueFd(static_cast<int>(
      syscall(SYS_perf_event_open, &attributes, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
}

}  // namespace loopstall::probes
