// SPDX-License-Identifier: Apache-2.0
#include "probes/perf_events.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

namespace loopstall::probes {
namespace {

base::UniqueFd open_event(perf_event_attr& attributes, pid_t pid, int cpu) {
  attributes.size = sizeof attributes;
  return base::UniqueFd(static_cast<int>(
      syscall(SYS_perf_event_open, &attributes, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
}

}  // namespace

base::UniqueFd open_cpu_clock(pid_t pid, int cpu, uint32_t rate_hz) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.freq = 1;
  attributes.sample_freq = rate_hz;
  attributes.exclude_idle = 1;
  return open_event(attributes, pid, cpu);
}

base::UniqueFd open_tracepoint(const std::string& folder) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_TRACEPOINT;
  attributes.disabled = 1;
  std::ifstream id(folder + "/id");
  if (!(id >> attributes.config)) {
    errno = ENOENT;
    return {};
  }
  // A program runs wherever the tracepoint is met; the event itself has to be of some CPU.
  return open_event(attributes, -1, 0);
}

}  // namespace loopstall::probes
