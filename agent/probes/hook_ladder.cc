// SPDX-License-Identifier: Apache-2.0
#include "probes/hook_ladder.h"

#include <bpf/btf.h>
#include <linux/perf_event.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "probes/hook_try.h"
#include "probes/syscalls.h"

namespace loopstall::probes {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr char kTracefs[] = "/sys/kernel/tracing";

/// What libbpf said last: the reason for a failure, and never more than the log's debug level.
thread_local std::string last_libbpf_warning;

int keep_libbpf_message(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  char text[512];
  const int size = std::vsnprintf(text, sizeof text, format, arguments);
  std::string_view message(
      text, static_cast<std::size_t>(std::min<int>(size, static_cast<int>(sizeof text) - 1)));
  while (message.ends_with('\n')) message.remove_suffix(1);
  last_libbpf_warning = std::string(message);
  base::log_debug("libbpf: {}", message);
  return 0;
}

std::string reason(int error) {
  const std::string text = std::strerror(error < 0 ? -error : error);
  return last_libbpf_warning.empty() ? text : text + " (" + last_libbpf_warning + ")";
}

/// The tracepoint's fourth argument, the previous task's state, came with 5.18 (fa2c3254d7cf).
bool sched_switch_has_state(const std::string& btf_path) {
  btf* types = btf_path.empty() ? btf__load_vmlinux_btf() : btf__parse(btf_path.c_str(), nullptr);
  if (types == nullptr) return false;
  bool has_state = false;
  const int id = btf__find_by_name_kind(types, "btf_trace_sched_switch", BTF_KIND_TYPEDEF);
  if (id > 0) {
    const btf_type* type = btf__type_by_id(types, btf__type_by_id(types, id)->type);
    if (type != nullptr && btf_is_ptr(type)) type = btf__type_by_id(types, type->type);
    // The private data, preempt, prev, next, and prev_state.
    has_state = type != nullptr && btf_is_func_proto(type) && btf_vlen(type) >= 5;
  }
  btf__free(types);
  return has_state;
}

uint32_t number_of(std::string_view name) {
  for (const SyscallRule& rule : syscall_rules()) {
    if (rule.name == name) return rule.number;
  }
  return ~0u;
}

void configure(::loopstall_bpf& skeleton, const ProbeOptions& options) {
  auto& config = *skeleton.rodata;
  config.stall_threshold_ns = options.stall_threshold_ns;
  config.min_block_ns = options.min_block_ns;
  config.sched_switch_has_state = sched_switch_has_state(options.btf_path);
  config.epoll_wait_number = number_of("epoll_wait");
  config.epoll_pwait_number = number_of("epoll_pwait");
  config.epoll_pwait2_number = number_of("epoll_pwait2");
  config.close_number = number_of("close");
  config.poll_number = number_of("poll");
  config.ppoll_number = number_of("ppoll");
  config.select_number = number_of("select");
  config.pselect6_number = number_of("pselect6");
  config.restart_syscall_number = number_of("restart_syscall");
  bpf_map__set_max_entries(skeleton.maps.loop_slots, options.max_loops);
  bpf_map__set_max_entries(skeleton.maps.loop_stacks, options.max_loops);
  bpf_map__set_max_entries(skeleton.maps.holder_stacks, options.max_loops);
}

void fill_syscall_rules(::loopstall_bpf& skeleton) {
  const int map = bpf_map__fd(skeleton.maps.syscall_rules);
  for (const SyscallRule& rule : syscall_rules()) {
    if (rule.number < LS_MAX_SYSCALLS) bpf_map_update_elem(map, &rule.number, &rule.rule, BPF_ANY);
  }
}

Result<void> keep(std::vector<Link>& links, bpf_link* link, std::string_view what) {
  if (link == nullptr) {
    return fail(ErrorKind::environment, "cannot attach {}: {}", what, reason(errno));
  }
  links.emplace_back(link);
  return {};
}

/// Mounting it shows nothing new to anybody who could not mount it himself.
void mount_tracefs() {
  struct stat seen {};
  if (stat("/sys/kernel/tracing/events", &seen) == 0) return;
  if (mount("tracefs", kTracefs, "tracefs", 0, nullptr) != 0) {
    base::log_debug("cannot mount tracefs at {}: {}", kTracefs, std::strerror(errno));
  }
}

/// One step of the ladder: which programs it loads, and how it attaches them.
struct Step {
  BoundaryHook hook;
  std::string_view name;
  std::function<void(::loopstall_bpf&)> choose;
  std::function<Result<void>(AttachedPrograms&)> attach;
};

void load_only_tracepoints(::loopstall_bpf& skeleton) {
  mount_tracefs();
  bpf_program__set_autoload(skeleton.progs.on_syscall_enter, false);
  bpf_program__set_autoload(skeleton.progs.on_syscall_exit, false);
}

Result<void> attach_tracepoints(AttachedPrograms& programs) {
  struct Point {
    bpf_program* program;
    const char* name;
  };
  auto& all = programs.skeleton->progs;
  const Point points[] = {
      {all.on_wait_enter, "sys_enter_epoll_wait"},
      {all.on_wait_exit, "sys_exit_epoll_wait"},
      {all.on_wait_enter, "sys_enter_epoll_pwait"},
      {all.on_wait_exit, "sys_exit_epoll_pwait"},
      {all.on_wait_enter, "sys_enter_epoll_pwait2"},
      {all.on_wait_exit, "sys_exit_epoll_pwait2"},
      {all.on_close, "sys_enter_close"},
  };
  for (const Point& point : points) {
    const std::string path = std::string(kTracefs) + "/events/syscalls/" + point.name;
    // arm64 has no epoll_wait, kernels before 5.11 no epoll_pwait2.
    struct stat seen {};
    const bool optional = std::string_view(point.name).ends_with("epoll_wait") ||
                          std::string_view(point.name).ends_with("epoll_pwait2");
    if (optional && stat(path.c_str(), &seen) != 0 && errno == ENOENT &&
        stat("/sys/kernel/tracing/events/syscalls", &seen) == 0) {
      continue;
    }
    auto kept =
        keep(programs.links, bpf_program__attach_tracepoint(point.program, "syscalls", point.name),
             point.name);
    if (!kept) return kept;
  }
  return {};
}

void load_only_raw_tracepoints(::loopstall_bpf& skeleton) {
  bpf_program__set_autoload(skeleton.progs.on_wait_enter, false);
  bpf_program__set_autoload(skeleton.progs.on_wait_exit, false);
  bpf_program__set_autoload(skeleton.progs.on_close, false);
  bpf_program__set_autoload(skeleton.progs.on_poll_enter, false);
  bpf_program__set_autoload(skeleton.progs.on_select_enter, false);
}

Result<void> attach_raw_tracepoints(AttachedPrograms& programs) {
  auto& all = programs.skeleton->progs;
  auto kept = keep(programs.links, bpf_program__attach(all.on_syscall_enter), "sys_enter");
  if (!kept) return kept;
  return keep(programs.links, bpf_program__attach(all.on_syscall_exit), "sys_exit");
}

const std::vector<Step>& ladder() {
  static const std::vector<Step> steps = {
      {BoundaryHook::tracepoint, "tracepoint", load_only_tracepoints, attach_tracepoints},
      {BoundaryHook::tp_btf, "tp_btf", load_only_raw_tracepoints, attach_raw_tracepoints},
  };
  return steps;
}

Result<void> attach_scheduler(AttachedPrograms& programs) {
  auto& all = programs.skeleton->progs;
  const std::pair<bpf_program*, const char*> hooks[] = {
      {all.on_sched_switch, "sched_switch"},
      {all.on_process_exec, "sched_process_exec"},
      {all.on_process_exit, "sched_process_exit"},
  };
  for (const auto& [program, name] : hooks) {
    auto kept = keep(programs.links, bpf_program__attach(program), name);
    if (!kept) return kept;
  }
  programs.hooks.push_back({"scheduler", "tp_btf"});
  return {};
}

base::UniqueFd open_clock(int cpu, uint32_t rate_hz) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.freq = 1;
  attributes.sample_freq = rate_hz;
  attributes.exclude_idle = 1;
  return base::UniqueFd(static_cast<int>(
      syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
}

/// Without the clock, turns and blocks are still measured; computing has no function then.
void attach_clock(AttachedPrograms& programs, uint32_t rate_hz) {
  int opened = 0;
  for (int cpu = 0; cpu < libbpf_num_possible_cpus(); ++cpu) {
    base::UniqueFd clock = open_clock(cpu, rate_hz);
    if (!clock) continue;  // offline
    bpf_link* link = bpf_program__attach_perf_event(programs.skeleton->progs.on_tick, clock.get());
    if (link == nullptr) continue;
    // The link owns the descriptor from here on.
    clock = base::UniqueFd();
    programs.links.emplace_back(link);
    ++opened;
  }
  if (opened == 0) {
    base::log_warning(
        "no perf_event clock ({}); CPU time gets no function: lower "
        "/proc/sys/kernel/perf_event_paranoid or grant CAP_PERFMON",
        std::strerror(errno));
  }
  programs.hooks.push_back({"tick", opened == 0 ? "none" : "perf_event_cpu_clock"});
}

Result<Skeleton> open_skeleton(const ProbeOptions& options) {
  bpf_object_open_opts open_options{};
  open_options.sz = sizeof open_options;
  if (!options.btf_path.empty()) open_options.btf_custom_path = options.btf_path.c_str();
  Skeleton skeleton(loopstall_bpf__open_opts(&open_options));
  if (!skeleton) {
    return fail(ErrorKind::environment, "cannot open the BPF programs: {}", reason(errno));
  }
  return skeleton;
}

Result<AttachedPrograms> attach_step(const Step& step, const ProbeOptions& options) {
  last_libbpf_warning.clear();
  auto skeleton = open_skeleton(options);
  if (!skeleton) return tl::unexpected(skeleton.error());
  AttachedPrograms programs;
  programs.skeleton = std::move(*skeleton);
  configure(*programs.skeleton, options);
  step.choose(*programs.skeleton);
  if (const int error = loopstall_bpf__load(programs.skeleton.get()); error != 0) {
    return fail(ErrorKind::environment, "the kernel refused the BPF programs: {}", reason(error));
  }
  fill_syscall_rules(*programs.skeleton);
  if (auto attached = attach_scheduler(programs); !attached) {
    return tl::unexpected(attached.error());
  }
  if (auto attached = step.attach(programs); !attached) return tl::unexpected(attached.error());
  attach_clock(programs, options.sample_rate_hz);
  programs.step = step.hook;
  programs.hooks.push_back({"turn_boundary", std::string(step.name)});
  return programs;
}

/// False, and why in the log, where the kernel does not let us.
bool attach_tracepoint(std::vector<Link>& links, const bpf_program* program,
                       std::string_view prefix, std::string_view call) {
  const std::string name = std::string(prefix) + std::string(call);
  const auto kept =
      keep(links, bpf_program__attach_tracepoint(program, "syscalls", name.c_str()), name);
  if (!kept) base::log_warning("{}", kept.error().message);
  return kept.has_value();
}

}  // namespace

std::vector<Link> attach_poll_points(AttachedPrograms& programs) {
  std::vector<Link> links;
  if (programs.step != BoundaryHook::tracepoint) return links;
  auto& all = programs.skeleton->progs;
  // Exits first: a wait of which only the begin is seen would never end. arm64 has
  // neither poll nor select.
  const std::pair<bpf_program*, std::string_view> points[] = {
      {nullptr, "restart_syscall"},      {all.on_poll_enter, "poll"},
      {all.on_poll_enter, "ppoll"},      {all.on_select_enter, "select"},
      {all.on_select_enter, "pselect6"},
  };
  for (const auto& [enter, call] : points) {
    const bool sees_exit = attach_tracepoint(links, all.on_wait_exit, "sys_exit_", call);
    if (sees_exit && enter != nullptr) attach_tracepoint(links, enter, "sys_enter_", call);
  }
  return links;
}

std::vector<HookTry> try_hooks(const ProbeOptions& options) {
  libbpf_set_print(keep_libbpf_message);
  std::vector<HookTry> tries;
  for (const Step& step : ladder()) {
    const auto programs = attach_step(step, options);
    tries.push_back({std::string(step.name), programs ? std::string() : programs.error().message});
  }
  return tries;
}

Result<AttachedPrograms> attach_programs(const ProbeOptions& options) {
  libbpf_set_print(keep_libbpf_message);
  std::string reasons;
  for (const Step& step : ladder()) {
    if (options.hook != BoundaryHook::automatic && options.hook != step.hook) continue;
    auto programs = attach_step(step, options);
    if (programs) return programs;
    base::log_debug("hook {}: {}", step.name, programs.error().message);
    reasons +=
        (reasons.empty() ? "" : "; ") + std::string(step.name) + ": " + programs.error().message;
  }
  return fail(ErrorKind::environment, "cannot measure turns on this kernel: {}", reasons);
}

}  // namespace loopstall::probes
