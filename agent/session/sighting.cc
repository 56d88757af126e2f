// SPDX-License-Identifier: Apache-2.0
#include "session/sighting.h"

#include <poll.h>
#include <sys/syscall.h>

#include <map>
#include <string>

#include "probes/syscalls.h"
#include "stacks/python_walker.h"

namespace loopstall::session {
namespace {

using host::SyscallState;
using stalls::Cause;

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

std::string fd_target(const host::Procfs& procfs, pid_t pid, int fd) {
  const auto fds = procfs.fds(pid);
  if (!fds) return {};
  for (const host::FdLink& link : *fds) {
    if (link.fd == fd) return link.target;
  }
  return {};
}

/// The number of the process's only epoll descriptor; -1 when it has none or several.
int only_epoll(const host::Procfs& procfs, pid_t pid) {
  int found = -1;
  const auto fds = procfs.fds(pid);
  if (!fds) return -1;
  for (const host::FdLink& link : *fds) {
    if (link.target != "anon_inode:[eventpoll]") continue;
    if (found >= 0) return -1;
    found = link.fd;
  }
  return found;
}

bool is_in_gil(const stacks::PythonProcess& python, uint64_t address) {
  using Layout = stacks::PythonLayout;
  return python.gil_address != 0 && address >= python.gil_address + Layout::kGilFutexBegin &&
         address < python.gil_address + Layout::kGilFutexEnd;
}

Cause cause_of(const host::Procfs& procfs, const ProcessReader& reader,
               const SyscallState& state) {
  if (state.kind == SyscallState::Kind::running) return Cause::cpu;
  if (state.kind == SyscallState::Kind::elsewhere) return Cause::other;
  const auto number = static_cast<uint32_t>(state.number);
  int fd = static_cast<int>(state.args[0]);
  if (number == SYS_futex && is_in_gil(reader.target().python, state.args[0])) return Cause::gil;
  if (number == SYS_poll || number == SYS_ppoll) {
    const auto first = reader.memory().value<pollfd>(state.args[0]);
    if (!first || state.args[1] == 0) return Cause::sleep;
    fd = first->fd;
  }
  return probes::cause_of_wait(number, fd_target(procfs, reader.target().python.pid, fd));
}

loops::EpollWait describe_wait(const stalls::KnownStack& known, const SyscallState& state,
                               const stacks::PythonProcess& python) {
  loops::EpollWait wait;
  for (const stacks::Frame& frame : known.stack.frames) {
    wait.stack.push_back({frame.function, frame.path});
  }
  wait.max_events = static_cast<uint32_t>(state.args[2]);
  wait.process_has_uvloop = python.uvloop;
  return wait;
}

}  // namespace

std::vector<SightedLoop> sight_loops(const host::Procfs& procfs, const base::Clock& clock,
                                     ProcessReader& reader) {
  const stacks::PythonProcess& python = reader.target().python;
  std::vector<SightedLoop> loops;
  const auto tids = threads_by_own_id(procfs, python.pid);
  std::map<std::string, uint64_t> ignored;
  for (const stacks::PythonThread& thread : stacks::python_threads(reader.memory(), python)) {
    const auto tid = tids.find(thread.native_thread_id);
    if (tid == tids.end()) continue;
    const auto state = procfs.syscall(python.pid, tid->second);
    if (!state) continue;
    SightedLoop loop;
    loop.stack =
        reader.name(stacks::walk_python_stack(reader.memory(), python, thread.tstate), ignored);
    const bool in_epoll = state->kind == SyscallState::Kind::in_syscall &&
                          probes::is_epoll_wait(static_cast<uint32_t>(state->number));
    const loops::LoopSighting sighting =
        loops::judge_running_thread(describe_wait(*loop.stack, *state, python), in_epoll);
    if (sighting.kind == loops::RuntimeKind::none) continue;
    loop.pid = static_cast<uint32_t>(python.pid);
    loop.tid = static_cast<uint32_t>(tid->second);
    loop.kind = sighting.kind;
    loop.in_home_wait = sighting.in_home_wait;
    loop.home_fd = sighting.in_home_wait ? static_cast<int32_t>(state->args[0])
                                         : only_epoll(procfs, python.pid);
    loop.cause = cause_of(procfs, reader, *state);
    loop.seen_ns = clock.monotonic_ns();
    loops.push_back(std::move(loop));
  }
  return loops;
}

}  // namespace loopstall::session
