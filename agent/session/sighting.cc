// SPDX-License-Identifier: Apache-2.0
#include "session/sighting.h"

#include <poll.h>
#include <sys/syscall.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "host/shared_file.h"
#include "probes/syscalls.h"
#include "session/frame_names.h"
#include "session/live_threads.h"

namespace loopstall::session {
namespace {

using host::SyscallState;
using stalls::Cause;

/// The process's descriptors, read once, when they are first asked for: it may have 65,536 of them.
class Descriptors {
 public:
  Descriptors(const host::Procfs& procfs, pid_t pid) : procfs_(procfs), pid_(pid) {}

  std::string target(int fd) {
    for (const host::FdLink& link : all()) {
      if (link.fd == fd) return link.target;
    }
    return {};
  }

  /// The number of the process's only epoll descriptor; -1 when it has none or several.
  int only_epoll() {
    const std::vector<int> found = epolls();
    return found.size() == 1 ? found[0] : -1;
  }

  /// Whether it has an epoll that it did not inherit from its parent.
  bool has_own_epoll() {
    const auto status = procfs_.status(pid_);
    const std::vector<int> found = epolls();
    return std::any_of(found.begin(), found.end(), [&](int fd) {
      return !status || !host::share_file(pid_, status->ppid, fd);
    });
  }

 private:
  std::vector<int> epolls() {
    std::vector<int> found;
    for (const host::FdLink& link : all()) {
      if (link.target == "anon_inode:[eventpoll]") found.push_back(link.fd);
    }
    return found;
  }

  const std::vector<host::FdLink>& all() {
    if (!links_) links_ = procfs_.fds(pid_).value_or(std::vector<host::FdLink>());
    return *links_;
  }

  const host::Procfs& procfs_;
  pid_t pid_;
  std::optional<std::vector<host::FdLink>> links_;
};

bool is_in_gil(const stacks::PythonProcess& python, uint64_t address) {
  using Layout = stacks::PythonLayout;
  return python.gil_address != 0 && address >= python.gil_address + Layout::kGilFutexBegin &&
         address < python.gil_address + Layout::kGilFutexEnd;
}

Cause cause_of(Descriptors& descriptors, const ProcessReader& reader, const SyscallState& state) {
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
  return probes::cause_of_wait(number, descriptors.target(fd));
}

loops::EpollWait describe_wait(const stalls::KnownStack& known, const SyscallState& state,
                               const stacks::PythonProcess& python) {
  loops::EpollWait wait;
  wait.stack = frame_names(known.stack);
  wait.max_events = static_cast<uint32_t>(state.args[2]);
  wait.process_has_uvloop = python.uvloop;
  return wait;
}

/// A child that a coroutine forked has the loop's frames on its stack, and runs no loop. Its own
/// one has an epoll of its own; one without is found when it waits.
bool is_loop_of_parent(const host::Procfs& procfs, pid_t pid, Descriptors& descriptors) {
  const auto stat = procfs.stat(pid);
  return stat && stat->forked && !descriptors.has_own_epoll();
}

}  // namespace

std::vector<SightedLoop> sight_loops(const host::Procfs& procfs, const base::Clock& clock,
                                     ProcessReader& reader) {
  const stacks::PythonProcess& python = reader.target().python;
  std::vector<SightedLoop> loops;
  Descriptors descriptors(procfs, python.pid);
  std::map<std::string, uint64_t> ignored;
  for (const LiveThread& thread : live_python_threads(procfs, reader)) {
    // First of all: if it has moved by the time it becomes a loop, all this is of another place.
    const auto status = procfs.status(thread.tid);
    const auto state = procfs.syscall(python.pid, thread.tid);
    if (!status || !state) continue;
    const auto stack = stack_of(reader, thread);
    if (!stack) continue;
    SightedLoop loop;
    loop.stack = reader.name(*stack, ignored);
    const bool in_epoll = state->kind == SyscallState::Kind::in_syscall &&
                          probes::is_epoll_wait(static_cast<uint32_t>(state->number));
    loop.polls = state->kind == SyscallState::Kind::in_syscall &&
                 probes::is_poll(static_cast<uint32_t>(state->number));
    loops::EpollWait wait = describe_wait(*loop.stack, *state, python);
    if (loop.polls) wait.max_events = 0;
    const loops::LoopSighting sighting =
        loops::judge_running_thread(std::move(wait), in_epoll || loop.polls);
    loop.polls = loop.polls && sighting.in_home_wait;
    if (sighting.kind == loops::RuntimeKind::none) continue;
    if (!sighting.in_home_wait && is_loop_of_parent(procfs, python.pid, descriptors)) continue;
    loop.pid = static_cast<uint32_t>(python.pid);
    loop.tid = static_cast<uint32_t>(thread.tid);
    loop.kind = sighting.kind;
    loop.in_home_wait = sighting.in_home_wait;
    loop.home_fd =
        sighting.in_home_wait ? static_cast<int32_t>(state->args[0]) : descriptors.only_epoll();
    loop.cause = cause_of(descriptors, reader, *state);
    loop.seen_ns = clock.monotonic_ns();
    loop.switches = status->switches;
    loops.push_back(std::move(loop));
  }
  return loops;
}

}  // namespace loopstall::session
