// SPDX-License-Identifier: Apache-2.0
/// A process that is no one's concern: how long its cheapest system call takes, how long a switch
/// between two of its processes on one CPU, and how long a hop from one to the other through pipes
/// (two calls, a wake-up and a switch). Prints {"call_ns": …, "yield_ns": …, "hop_ns": …}.
///
///     bench_bystander CALLS SWITCHES CPU

#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace {

using Clock = std::chrono::steady_clock;

double ns_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

double call_ns(long calls) {
  const auto start = Clock::now();
  for (long i = 0; i < calls; ++i) syscall(SYS_getppid);
  return ns_since(start) / static_cast<double>(calls);
}

/// Between two of one real-time priority each sched_yield is a switch to the other: a call and a
/// switch, and nothing else.
double yield_ns(long switches) {
  sched_param priority{.sched_priority = 1}, none{};
  if (sched_setscheduler(0, SCHED_FIFO, &priority) != 0) std::abort();
  const pid_t child = fork();
  for (long i = 0; i < switches / 20; ++i) sched_yield();  // both are there
  const auto start = Clock::now();
  const long own = switches / 2;
  for (long i = 0; i < own; ++i) sched_yield();
  const double each = ns_since(start) / static_cast<double>(2 * own);
  if (child == 0) _exit(0);
  sched_setscheduler(0, SCHED_OTHER, &none);
  waitpid(child, nullptr, 0);
  return each;
}

/// Two processes that wake each other through pipes: a round trip has two switches.
double hop_ns(long hops) {
  int there[2], back[2];
  if (pipe(there) != 0 || pipe(back) != 0) std::abort();
  char byte = 0;
  const pid_t child = fork();
  if (child == 0) {
    for (long i = 0; i < hops / 2; ++i) {
      if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1) std::abort();
    }
    _exit(0);
  }
  const auto start = Clock::now();
  for (long i = 0; i < hops / 2; ++i) {
    if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) std::abort();
  }
  const double each = ns_since(start) / static_cast<double>(hops);
  waitpid(child, nullptr, 0);
  return each;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: bench_bystander CALLS SWITCHES CPU\n");
    return 2;
  }
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(static_cast<std::size_t>(std::atol(argv[3])), &cpus);
  sched_setaffinity(0, sizeof cpus, &cpus);
  const double call = call_ns(std::atol(argv[1]));
  const double yield = yield_ns(std::atol(argv[2]));
  const double hop = hop_ns(std::atol(argv[2]));
  std::printf("{\"call_ns\": %.2f, \"yield_ns\": %.2f, \"hop_ns\": %.1f}\n", call, yield, hop);
}
