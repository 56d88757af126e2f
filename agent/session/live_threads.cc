// SPDX-License-Identifier: Apache-2.0
#include "session/live_threads.h"

#include <map>

#include "stacks/python_walker.h"

namespace loopstall::session {
namespace {

/// Threads by their id in the process's own pid namespace, as the interpreter knows them.
std::map<uint64_t, pid_t> threads_by_own_id(const host::Procfs& procfs, pid_t pid) {
  std::map<uint64_t, pid_t> threads;
  const auto tids = procfs.threads(pid);
  if (!tids) return threads;
  for (const pid_t tid : *tids) {
    const auto status = procfs.status(tid);
    const bool nested = status && !status->ns_pids.empty();
    threads[static_cast<uint64_t>(nested ? status->ns_pids.back() : tid)] = tid;
  }
  return threads;
}

}  // namespace

std::vector<LiveThread> live_python_threads(const host::Procfs& procfs,
                                            const ProcessReader& reader) {
  const stacks::PythonProcess& python = reader.target().python;
  auto tids = threads_by_own_id(procfs, python.pid);
  std::vector<LiveThread> threads;
  for (const stacks::PythonThread& thread : stacks::python_threads(reader.memory(), python)) {
    const auto tid = tids.extract(thread.native_thread_id);
    if (!tid.empty()) threads.push_back({tid.mapped(), thread});
  }
  return threads;
}

std::optional<stacks::RawStack> stack_of(const ProcessReader& reader, const LiveThread& thread) {
  const stacks::PythonProcess& python = reader.target().python;
  auto stack = stacks::walk_python_stack(reader.memory(), python, thread.python.tstate);
  if (!stacks::is_still_of_thread(reader.memory(), python, thread.python)) return std::nullopt;
  return stack;
}

}  // namespace loopstall::session
