// SPDX-License-Identifier: Apache-2.0
/// What a sampling clock costs: opened on a CPU, or on a thread.
///
///     bench_tick none|cpu|thread HZ SPIN_SECONDS HOPS
///
/// Prints {"spins_per_second": …, "hop_ns": …}: how fast a thread computes, and what a switch
/// between two threads of which the clock's is one costs, both on the last CPU. The clock is the
/// agent's own: PERF_COUNT_SW_CPU_CLOCK.
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "probes/perf_events.h"

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(3);
}

int last_cpu() { return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)) - 1; }

void stay_on_the_last_cpu() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(last_cpu(), &cpus);
  if (sched_setaffinity(0, sizeof cpus, &cpus) != 0) fail("sched_setaffinity");
}

loopstall::base::UniqueFd open_clock(const std::string& where, uint32_t hz) {
  if (where == "none") return {};
  const bool is_threads = where == "thread";
  auto clock =
      loopstall::probes::open_cpu_clock(is_threads ? 0 : -1, is_threads ? -1 : last_cpu(), hz);
  if (!clock) fail("perf_event_open");
  return clock;
}

double spins_per_second(double seconds) {
  const auto begin = Clock::now();
  uint64_t rounds = 0;
  volatile uint64_t sink = 1;
  double passed = 0;
  while (passed < seconds) {
    for (int i = 0; i < 100'000; ++i) sink = sink * 6364136223846793005u + 1;
    ++rounds;
    passed = std::chrono::duration<double>(Clock::now() - begin).count();
  }
  return static_cast<double>(rounds) * 1e5 / passed;
}

/// Two threads on one CPU that hand a byte to each other.
double hop_ns(int hops) {
  int there[2], back[2];
  if (pipe(there) != 0 || pipe(back) != 0) fail("pipe");
  std::thread other([&] {
    stay_on_the_last_cpu();
    char byte = 0;
    while (read(there[0], &byte, 1) == 1 && byte == 'x') {
      if (write(back[1], &byte, 1) != 1) fail("write");
    }
  });
  char byte = 'x';
  const auto begin = Clock::now();
  for (int i = 0; i < hops; ++i) {
    if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) fail("hop");
  }
  const double ns = std::chrono::duration<double, std::nano>(Clock::now() - begin).count();
  byte = 'q';
  if (write(there[1], &byte, 1) != 1) fail("write");
  other.join();
  return ns / hops / 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: bench_tick none|cpu|thread HZ SPIN_SECONDS HOPS\n");
    return 2;
  }
  stay_on_the_last_cpu();
  const auto clock = open_clock(argv[1], static_cast<uint32_t>(std::strtoul(argv[2], nullptr, 10)));
  const double spins = spins_per_second(std::strtod(argv[3], nullptr));
  const double hop = hop_ns(std::atoi(argv[4]));
  std::printf("{\"spins_per_second\": %.0f, \"hop_ns\": %.1f}\n", spins, hop);
}
