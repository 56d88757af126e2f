// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/log.h"
#include "config/advice_file.h"

namespace loopstall::config {

/// How the turn boundaries are hooked (docs/architecture.md, hook ladder).
enum class HookMode : uint8_t {
  automatic,   ///< the cheapest that this kernel lets us attach
  fentry,      ///< the functions of the system calls: only their callers pay
  kprobe,      ///< the same by return probes, which run out; never automatic
  tracepoint,  ///< the per-syscall tracepoints; need tracefs
  tp_btf,      ///< sys_enter and sys_exit for every system call; need only BTF
};

/// As often as the machine's timer permits: chosen when measuring starts, never more than the
/// other.
inline constexpr uint32_t kAutomaticRate = 0;
inline constexpr uint32_t kUsualRateHz = 99;

/// Everything a user can decide. Made and validated by Options in config/options.h, and
/// then passed around as const: nothing changes it while the agent runs.
struct Config {
  std::string listen = "0.0.0.0:9877";          ///< address:port of /metrics
  std::string admin_listen = "127.0.0.1:9878";  ///< address:port of the page and the API
  uint64_t stall_threshold_ns = 100'000'000;    ///< a turn this long is a stall
  uint64_t min_block_ns = 1'000'000;            ///< blocks this long are sent exactly
  uint32_t sample_rate_hz = kAutomaticRate;     ///< clock ticks per second of CPU time
  std::string stall_log;                        ///< path; "-": standard output; empty: none
  std::string record;                           ///< path of a recording; empty: none
  std::string btf_path;                         ///< empty: the kernel's own
  HookMode hook = HookMode::automatic;
  uint32_t max_loops = 2048;
  std::vector<uint32_t> pids;                      ///< processes to look at; empty: all
  bool with_children = false;                      ///< of those, their descendants too
  bool keeps_stacks = false;                       ///< busy time by stack, for a profile
  std::vector<std::string> transparent_functions;  ///< qualified names that are never the culprit
  std::vector<std::string> application_packages;   ///< installed packages that count as application
  std::vector<AdviceEntry> advice;                 ///< the team's own, before ours
  uint32_t functions_per_container = 20;
  uint32_t max_function_series = 5000;
  double budget = 0.01;            ///< cores that the agent may use, however much it observes
  double budget_per_core = 0.005;  ///< and more for each core on which loops are observed
  bool drop_capabilities = true;   ///< those that are not needed once all is attached
  base::LogLevel log_level = base::LogLevel::info;
  base::LogFormat log_format = base::LogFormat::logfmt;
};

}  // namespace loopstall::config
