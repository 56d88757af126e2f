// SPDX-License-Identifier: Apache-2.0
#include "probes/hook_steps.h"

#include <bpf/btf.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/log.h"
#include "probes/attaching.h"
#include "probes/perf_events.h"

namespace loopstall::probes {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::array<std::string_view, 3> kEpollWaits = {"epoll_wait", "epoll_pwait",
                                                         "epoll_pwait2"};

// ---- fentry and kprobe: the functions of the system calls ------------------------------------

#if defined(__x86_64__)
constexpr std::string_view kFunctionPrefix = "__x64_sys_";
#else
constexpr std::string_view kFunctionPrefix = "__arm64_sys_";
#endif

/// What is behind restart_syscall when that goes on with an interrupted poll. static: a compiler
/// may have given it another name.
constexpr std::string_view kRestartPoll = "do_restart_poll";

/// arm64 has neither epoll_wait nor poll nor select; epoll_pwait2 came with 5.11.
constexpr std::array<std::string_view, 5> kNotEverywhere = {"epoll_wait", "epoll_pwait2", "poll",
                                                            "select", kRestartPoll};

std::string function_of(std::string_view call) {
  return call == kRestartPoll ? std::string(call)
                              : std::string(kFunctionPrefix) + std::string(call);
}

bool is_everywhere(std::string_view call) {
  return std::find(kNotEverywhere.begin(), kNotEverywhere.end(), call) == kNotEverywhere.end();
}

struct FunctionHook {
  bpf_program* program;
  std::string_view call;
  bool of_polls;
};

/// Exits first: a wait of which only the begin is seen would never end.
std::vector<FunctionHook> fentry_hooks(::loopstall_bpf& skeleton) {
  auto& all = skeleton.progs;
  return {
      {all.exit_epoll_wait, "epoll_wait", false},
      {all.enter_epoll_wait, "epoll_wait", false},
      {all.exit_epoll_pwait, "epoll_pwait", false},
      {all.enter_epoll_pwait, "epoll_pwait", false},
      {all.exit_epoll_pwait2, "epoll_pwait2", false},
      {all.enter_epoll_pwait2, "epoll_pwait2", false},
      {all.enter_close, "close", false},
      {all.exit_restart_poll, kRestartPoll, true},
      {all.exit_poll, "poll", true},
      {all.enter_poll, "poll", true},
      {all.exit_ppoll, "ppoll", true},
      {all.enter_ppoll, "ppoll", true},
      {all.exit_select, "select", true},
      {all.enter_select, "select", true},
      {all.exit_pselect6, "pselect6", true},
      {all.enter_pselect6, "pselect6", true},
  };
}

Result<void> choose_fentry(::loopstall_bpf& skeleton) {
  for (const FunctionHook& hook : fentry_hooks(skeleton)) {
    const std::string function = function_of(hook.call);
    if (const int error = bpf_program__set_attach_target(hook.program, 0, function.c_str());
        error != 0) {
      if (!is_everywhere(hook.call)) continue;
      return fail(ErrorKind::environment, "this kernel has no function {}: {}", function,
                  libbpf_reason(error));
    }
    bpf_program__set_autoload(hook.program, true);
  }
  return {};
}

Result<void> attach_functions(::loopstall_bpf& skeleton, std::vector<Link>& links, bool of_polls) {
  for (const FunctionHook& hook : fentry_hooks(skeleton)) {
    if (hook.of_polls != of_polls || !bpf_program__autoload(hook.program)) continue;
    auto kept = keep(links, bpf_program__attach(hook.program), function_of(hook.call));
    if (!kept) return kept;
  }
  return {};
}

Result<void> attach_fentry(::loopstall_bpf& skeleton, std::vector<Link>& links) {
  return attach_functions(skeleton, links, false);
}

void attach_fentry_polls(::loopstall_bpf& skeleton, const std::vector<PerfPoint>& /*points*/,
                         std::vector<Link>& links) {
  const auto attached = attach_functions(skeleton, links, true);
  if (!attached) base::log_warning("{}", attached.error().message);
}

/// Reads all of the kernel's types.
bool has_function(std::string_view call) {
  return libbpf_find_vmlinux_btf_id(function_of(call).c_str(), BPF_TRACE_FENTRY) > 0;
}

Result<void> choose_kprobes(::loopstall_bpf& skeleton) {
  bpf_program__set_autoload(skeleton.progs.on_wait_function, true);
  bpf_program__set_autoload(skeleton.progs.on_wait_function_left, true);
  bpf_program__set_autoload(skeleton.progs.on_close_function, true);
  return {};
}

Result<void> attach_kprobe(std::vector<Link>& links, const bpf_program* program,
                           std::string_view call, bool at_return) {
  const std::string function = function_of(call);
  return keep(links, bpf_program__attach_kprobe(program, at_return, function.c_str()), function);
}

/// A wait's end and, where that can be seen, its begin.
Result<void> attach_wait_kprobes(::loopstall_bpf& skeleton, std::vector<Link>& links,
                                 std::string_view call) {
  if (!is_everywhere(call) && !has_function(call)) return {};
  auto kept = attach_kprobe(links, skeleton.progs.on_wait_function_left, call, true);
  if (!kept) return kept;
  return attach_kprobe(links, skeleton.progs.on_wait_function, call, false);
}

Result<void> attach_kprobes(::loopstall_bpf& skeleton, std::vector<Link>& links) {
  for (const std::string_view call : kEpollWaits) {
    auto attached = attach_wait_kprobes(skeleton, links, call);
    if (!attached) return attached;
  }
  return attach_kprobe(links, skeleton.progs.on_close_function, "close", false);
}

void attach_poll_kprobes(::loopstall_bpf& skeleton, const std::vector<PerfPoint>& /*points*/,
                         std::vector<Link>& links) {
  Result<void> attached;
  if (has_function(kRestartPoll)) {
    attached = attach_kprobe(links, skeleton.progs.on_wait_function_left, kRestartPoll, true);
  }
  for (const std::string_view call : {"poll", "ppoll", "select", "pselect6"}) {
    if (attached) attached = attach_wait_kprobes(skeleton, links, call);
  }
  if (!attached) base::log_warning("{}", attached.error().message);
}

// ---- the tracepoints of single system calls --------------------------------------------------

constexpr char kTracefs[] = "/sys/kernel/tracing";
constexpr char kSyscallEvents[] = "/sys/kernel/tracing/events/syscalls";

/// Mounting it shows nothing new to anybody who could not mount it himself.
void mount_tracefs() {
  struct stat seen {};
  if (stat("/sys/kernel/tracing/events", &seen) == 0) return;
  if (mount("tracefs", kTracefs, "tracefs", 0, nullptr) != 0) {
    base::log_debug("cannot mount tracefs at {}: {}", kTracefs, std::strerror(errno));
  }
}

Result<void> choose_tracepoints(::loopstall_bpf& skeleton) {
  mount_tracefs();
  auto& all = skeleton.progs;
  for (bpf_program* program : {all.on_wait_enter, all.on_wait_exit, all.on_poll_enter,
                               all.on_select_enter, all.on_close}) {
    bpf_program__set_autoload(program, true);
  }
  return {};
}

Result<void> attach_tracepoint(std::vector<Link>& links, const bpf_program* program,
                               std::string_view prefix, std::string_view call) {
  const std::string name = std::string(prefix) + std::string(call);
  return keep(links, bpf_program__attach_tracepoint(program, "syscalls", name.c_str()), name);
}

/// False only where the others are seen and this one is not.
bool has_tracepoint(std::string_view call) {
  const std::string path = std::string(kSyscallEvents) + "/sys_enter_" + std::string(call);
  struct stat seen {};
  return stat(path.c_str(), &seen) == 0 || errno != ENOENT || stat(kSyscallEvents, &seen) != 0;
}

Result<void> attach_tracepoints(::loopstall_bpf& skeleton, std::vector<Link>& links) {
  auto& all = skeleton.progs;
  for (const std::string_view call : kEpollWaits) {
    if (!is_everywhere(call) && !has_tracepoint(call)) continue;
    auto kept = attach_tracepoint(links, all.on_wait_exit, "sys_exit_", call);
    if (kept) kept = attach_tracepoint(links, all.on_wait_enter, "sys_enter_", call);
    if (!kept) return kept;
  }
  return attach_tracepoint(links, all.on_close, "sys_enter_", "close");
}

void open_point(std::vector<PerfPoint>& points, const bpf_program* program, std::string_view prefix,
                std::string_view call) {
  const std::string name = std::string(prefix) + std::string(call);
  base::UniqueFd event = open_tracepoint(std::string(kSyscallEvents) + "/" + name);
  if (event) {
    points.push_back({program, std::move(event)});
  } else {
    base::log_warning("cannot hook {}: {}", name, std::strerror(errno));
  }
}

/// The way out of each call before the way in, so that no call is seen half.
std::vector<PerfPoint> open_poll_tracepoints(::loopstall_bpf& skeleton) {
  auto& all = skeleton.progs;
  const std::pair<const bpf_program*, std::string_view> calls[] = {
      {nullptr, "restart_syscall"},      {all.on_poll_enter, "poll"},
      {all.on_poll_enter, "ppoll"},      {all.on_select_enter, "select"},
      {all.on_select_enter, "pselect6"},
  };
  std::vector<PerfPoint> points;
  for (const auto& [enter, call] : calls) {
    if (!is_everywhere(call) && !has_tracepoint(call)) continue;
    open_point(points, all.on_wait_exit, "sys_exit_", call);
    if (enter != nullptr) open_point(points, enter, "sys_enter_", call);
  }
  return points;
}

void attach_poll_points(::loopstall_bpf& /*skeleton*/, const std::vector<PerfPoint>& points,
                        std::vector<Link>& links) {
  for (const PerfPoint& point : points) {
    const auto attached = attach_point(point, links, "poll and select");
    if (!attached) base::log_warning("{}", attached.error().message);
  }
}

// ---- every system call -----------------------------------------------------------------------

Result<void> choose_raw_tracepoints(::loopstall_bpf& skeleton) {
  bpf_program__set_autoload(skeleton.progs.on_syscall_enter, true);
  bpf_program__set_autoload(skeleton.progs.on_syscall_exit, true);
  return {};
}

Result<void> attach_raw_tracepoints(::loopstall_bpf& skeleton, std::vector<Link>& links) {
  auto kept = keep(links, bpf_program__attach(skeleton.progs.on_syscall_exit), "sys_exit");
  if (!kept) return kept;
  return keep(links, bpf_program__attach(skeleton.progs.on_syscall_enter), "sys_enter");
}

void need_no_more(::loopstall_bpf& /*skeleton*/, const std::vector<PerfPoint>& /*points*/,
                  std::vector<Link>& /*links*/) {}

// ----------------------------------------------------------------------------------------------

std::vector<bpf_program*> boundary_programs(::loopstall_bpf& skeleton) {
  auto& all = skeleton.progs;
  std::vector<bpf_program*> programs = {
      all.on_wait_function, all.on_wait_function_left, all.on_close_function, all.on_wait_enter,
      all.on_wait_exit,     all.on_poll_enter,         all.on_select_enter,   all.on_close,
      all.on_syscall_enter, all.on_syscall_exit};
  for (const FunctionHook& hook : fentry_hooks(skeleton)) programs.push_back(hook.program);
  return programs;
}

std::vector<PerfPoint> have_no_events(::loopstall_bpf& /*skeleton*/) { return {}; }

constexpr std::array<Step, 4> kSteps = {{
    {BoundaryHook::fentry, "fentry", false, choose_fentry, attach_fentry, have_no_events,
     attach_fentry_polls},
    {BoundaryHook::tracepoint, "tracepoint", false, choose_tracepoints, attach_tracepoints,
     open_poll_tracepoints, attach_poll_points},
    {BoundaryHook::tp_btf, "tp_btf", false, choose_raw_tracepoints, attach_raw_tracepoints,
     have_no_events, need_no_more},
    {BoundaryHook::kprobe, "kprobe", true, choose_kprobes, attach_kprobes, have_no_events,
     attach_poll_kprobes},
}};

}  // namespace

std::span<const Step> hook_steps() { return kSteps; }

Result<void> attach_point(const PerfPoint& point, std::vector<Link>& links, std::string_view what) {
  // The link owns the descriptor that it is given, and closes it when it is detached.
  base::UniqueFd event(::fcntl(point.event.get(), F_DUPFD_CLOEXEC, 0));
  bpf_link* link = bpf_program__attach_perf_event(point.program, event.get());
  if (link != nullptr) static_cast<void>(event.release());
  return keep(links, link, what);
}

Result<void> choose_step(const Step& step, ::loopstall_bpf& skeleton) {
  for (bpf_program* program : boundary_programs(skeleton)) {
    bpf_program__set_autoload(program, false);
  }
  return step.choose(skeleton);
}

}  // namespace loopstall::probes
