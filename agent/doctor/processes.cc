// SPDX-License-Identifier: Apache-2.0
#include "doctor/processes.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <utility>
#include <variant>

#include "base/utf8.h"
#include "loops/home_wait.h"
#include "session/target.h"

namespace loopstall::doctor {
namespace {

constexpr std::size_t kMaxNameBytes = 80;
constexpr std::chrono::milliseconds kBetweenLooks{10};

struct Explanation {
  stacks::PythonRefusal refusal;
  const char* sentence;
};

using Refusal = stacks::PythonRefusal;
constexpr std::array kExplanations = {
    Explanation{Refusal::process_gone, "it ended while it was looked at"},
    Explanation{Refusal::not_initialised, "its interpreter is still starting, or ends; look again"},
    Explanation{Refusal::unreadable_files,
                "its files cannot be read; grant CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"},
    Explanation{Refusal::files_hang,
                "its files cannot be read, they hang; look at its mounts: a server may be gone"},
    Explanation{
        Refusal::no_runtime_symbol,
        "it is named like Python, but defines no _PyRuntime; use an interpreter that is not "
        "stripped of its dynamic symbols"},
    Explanation{Refusal::unknown_version,
                "its version cannot be told; name the binary python3.N, or do not strip it"},
    Explanation{Refusal::unsupported_version,
                "its version is not supported; use CPython 3.8 to 3.14"},
    Explanation{Refusal::unknown_layout,
                "its build keeps things where the agent does not look; use an ordinary build"},
    Explanation{Refusal::free_threaded,
                "it is a build without the GIL, which is not supported; use the build with it"},
    Explanation{Refusal::debug_build,
                "it is built with Py_TRACE_REFS, which is not supported; use an ordinary build"},
    Explanation{Refusal::unsupported_machine, "it is not a program for x86-64"},
    Explanation{Refusal::unknown_libc, "its C library is neither glibc nor musl"},
    Explanation{Refusal::too_costly, "it maps more files, or larger ones, than any program needs"},
    Explanation{Refusal::unreadable_memory, "its memory cannot be read; grant CAP_SYS_PTRACE"},
    Explanation{Refusal::self_check_failed,
                "what was read of it does not hang together; look again, then report its build"},
};

std::string command_of(const host::Procfs& procfs, uint32_t pid) {
  return procfs.comm(static_cast<pid_t>(pid)).value_or(std::string());
}

}  // namespace

ProcessFinding describe(const session::Inspected& inspected, const std::string& command) {
  ProcessFinding finding;
  finding.pid = inspected.pid;
  if (!inspected.target) {
    finding.name = base::bounded_utf8(command, kMaxNameBytes);
    finding.refusal = stacks::token(inspected.target.error());
    return finding;
  }
  const session::Target& target = **inspected.target;
  finding.python = target.runtime;
  finding.name = base::bounded_utf8(target.labels.process, kMaxNameBytes);
  for (const session::SightedLoop& loop : inspected.loops) {
    finding.loops.push_back({loop.tid, std::string(loops::runtime_name(loop.kind))});
  }
  return finding;
}

Processes look_at_processes(const host::Procfs& procfs, const base::Clock& clock,
                            const std::vector<uint32_t>& pids) {
  session::Resolver resolver(procfs, clock, {pids, {}, {}});
  resolver.scan();
  Processes processes;
  for (bool is_done = false; !is_done;) {
    for (const session::ResolverResult& result : resolver.take_results()) {
      is_done = is_done || std::holds_alternative<session::Scanned>(result);
      const auto* inspected = std::get_if<session::Inspected>(&result);
      if (inspected == nullptr) continue;
      if (!inspected->target && inspected->target.error() == Refusal::not_python) {
        ++processes.others;
        continue;
      }
      processes.pythons.push_back(describe(*inspected, command_of(procfs, inspected->pid)));
    }
    if (!is_done) std::this_thread::sleep_for(kBetweenLooks);
  }
  std::sort(processes.pythons.begin(), processes.pythons.end(),
            [](const ProcessFinding& a, const ProcessFinding& b) { return a.pid < b.pid; });
  return processes;
}

std::string explain(const std::string& refusal) {
  const auto found =
      std::find_if(kExplanations.begin(), kExplanations.end(), [&](const Explanation& explanation) {
        return stacks::token(explanation.refusal) == refusal;
      });
  return found == kExplanations.end() ? refusal : found->sentence;
}

}  // namespace loopstall::doctor
