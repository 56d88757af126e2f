// SPDX-License-Identifier: Apache-2.0
#include "probes/hook_ladder.h"

#include <bpf/btf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "probes/attaching.h"
#include "probes/hook_try.h"
#include "probes/perf_events.h"
#include "probes/requirements.h"
#include "probes/syscalls.h"

namespace loopstall::probes {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

/// What the kernel's own types say of it.
struct KernelTypes {
  bool switch_has_state = false;
  bool has_task_registers = false;
};

/// The tracepoint's fourth argument, the previous task's state, came with 5.18 (fa2c3254d7cf).
bool switch_has_state(const btf* types) {
  const int id = btf__find_by_name_kind(types, "btf_trace_sched_switch", BTF_KIND_TYPEDEF);
  if (id <= 0) return false;
  const btf_type* type = btf__type_by_id(types, btf__type_by_id(types, id)->type);
  if (type != nullptr && btf_is_ptr(type)) type = btf__type_by_id(types, type->type);
  // The private data, preempt, prev, next, and prev_state.
  return type != nullptr && btf_is_func_proto(type) && btf_vlen(type) >= 5;
}

/// bpf_task_pt_regs, the youngest helper that the programs call, came with 5.15 (dd6e10fbd9fb).
bool has_task_registers(const btf* types) {
  const int id = btf__find_by_name_kind(types, "bpf_func_id", BTF_KIND_ENUM);
  if (id <= 0) return false;
  const btf_type* helpers = btf__type_by_id(types, id);
  const auto* first = btf_enum(helpers);
  return std::any_of(first, first + btf_vlen(helpers), [types](const auto& helper) {
    return std::string_view(btf__name_by_offset(types, helper.name_off)) == "BPF_FUNC_task_pt_regs";
  });
}

Result<KernelTypes> read_types(const std::string& btf_path) {
  const std::string path = btf_path.empty() ? kKernelBtf : btf_path;
  btf* types = btf__parse(path.c_str(), nullptr);
  if (types == nullptr) {
    return fail(ErrorKind::environment,
                "no type information (BTF) can be read from {}; use a kernel built with "
                "CONFIG_DEBUG_INFO_BTF, or give the path of a BTF file that matches it with --btf",
                path);
  }
  const KernelTypes seen{switch_has_state(types), has_task_registers(types)};
  btf__free(types);
  return seen;
}

uint32_t number_of(std::string_view name) {
  for (const SyscallRule& rule : syscall_rules()) {
    if (rule.name == name) return rule.number;
  }
  return ~0u;
}

void configure(::loopstall_bpf& skeleton, const ProbeOptions& options, const KernelTypes& types) {
  auto& config = *skeleton.rodata;
  config.stall_threshold_ns = options.stall_threshold_ns;
  config.min_block_ns = options.min_block_ns;
  config.sched_switch_has_state = types.switch_has_state;
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

Result<void> attach_lifecycle(AttachedPrograms& programs) {
  auto& all = programs.skeleton->progs;
  const std::pair<bpf_program*, const char*> hooks[] = {
      {all.on_process_exec, "sched_process_exec"},
      {all.on_process_exit, "sched_process_exit"},
  };
  for (const auto& [program, name] : hooks) {
    auto kept = keep(programs.links, bpf_program__attach(program), name);
    if (!kept) return kept;
  }
  return {};
}

std::vector<PerfPoint> open_clocks(const bpf_program* on_tick, uint32_t rate_hz) {
  std::vector<PerfPoint> clocks;
  for (int cpu = 0; cpu < libbpf_num_possible_cpus(); ++cpu) {
    base::UniqueFd clock = open_cpu_clock(-1, cpu, rate_hz);
    if (clock) clocks.push_back({on_tick, std::move(clock)});  // else the CPU is offline
  }
  return clocks;
}

/// Without the clock, turns and blocks are still measured; computing has no function then.
bool attach_clock(AttachedPrograms& programs, uint32_t rate_hz) {
  if (programs.clocks.empty()) {
    programs.clocks = open_clocks(programs.skeleton->progs.on_tick, rate_hz);
  }
  bool is_attached = false;
  for (const PerfPoint& clock : programs.clocks) {
    if (attach_point(clock, programs.detail_links, "the clock")) is_attached = true;
  }
  if (!is_attached) {
    base::log_warning(
        "no perf_event clock ({}); CPU time gets no function: lower "
        "/proc/sys/kernel/perf_event_paranoid or grant CAP_PERFMON",
        std::strerror(errno));
  }
  return is_attached;
}

Result<Skeleton> open_skeleton(const ProbeOptions& options) {
  bpf_object_open_opts open_options{};
  open_options.sz = sizeof open_options;
  if (!options.btf_path.empty()) open_options.btf_custom_path = options.btf_path.c_str();
  Skeleton skeleton(loopstall_bpf__open_opts(&open_options));
  if (!skeleton) {
    return fail(ErrorKind::environment, "cannot open the BPF programs: {}", libbpf_reason(errno));
  }
  return skeleton;
}

/// Fails where no step could load.
Result<KernelTypes> usable_types(const std::string& btf_path) {
  auto types = read_types(btf_path);
  if (types && !types->has_task_registers) {
    return fail(ErrorKind::environment,
                "this kernel is too old: it lacks bpf_task_pt_regs; use Linux 5.15 or later");
  }
  return types;
}

Result<AttachedPrograms> attach_step(const Step& step, const ProbeOptions& options,
                                     const KernelTypes& types) {
  forget_libbpf_words();
  auto skeleton = open_skeleton(options);
  if (!skeleton) return tl::unexpected(skeleton.error());
  AttachedPrograms programs;
  programs.skeleton = std::move(*skeleton);
  configure(*programs.skeleton, options, types);
  if (auto chosen = choose_step(step, *programs.skeleton); !chosen) {
    return tl::unexpected(chosen.error());
  }
  if (const int error = loopstall_bpf__load(programs.skeleton.get()); error != 0) {
    return fail(ErrorKind::environment, "the kernel refused the BPF programs: {}",
                libbpf_reason(error));
  }
  fill_syscall_rules(*programs.skeleton);
  if (auto attached = attach_lifecycle(programs); !attached) {
    return tl::unexpected(attached.error());
  }
  if (auto attached = step.attach(*programs.skeleton, programs.links); !attached) {
    return tl::unexpected(attached.error());
  }
  const auto clock = attach_details(programs, options.sample_rate_hz);
  if (!clock) return tl::unexpected(clock.error());
  programs.step = &step;
  programs.polls = step.open_polls(*programs.skeleton);
  programs.hooks.push_back({"scheduler", "tp_btf"});
  programs.hooks.push_back({"tick", *clock ? "perf_event_cpu_clock" : "none"});
  programs.hooks.push_back({"turn_boundary", std::string(step.name)});
  return programs;
}

}  // namespace

Result<bool> attach_details(AttachedPrograms& programs, uint32_t rate_hz) {
  auto& all = programs.skeleton->progs;
  auto switches =
      keep(programs.detail_links, bpf_program__attach(all.on_sched_switch), "sched_switch");
  if (!switches) return tl::unexpected(switches.error());
  return attach_clock(programs, rate_hz);
}

std::vector<Link> attach_poll_points(AttachedPrograms& programs) {
  std::vector<Link> links;
  programs.step->attach_polls(*programs.skeleton, programs.polls, links);
  return links;
}

std::vector<HookTry> try_hooks(const ProbeOptions& options) {
  hear_libbpf();
  const auto types = usable_types(options.btf_path);
  std::vector<HookTry> tries;
  for (const Step& step : hook_steps()) {
    const auto tried =
        types.and_then([&](const KernelTypes& seen) { return attach_step(step, options, seen); });
    tries.push_back({std::string(step.name), tried ? std::string() : tried.error().message,
                     step.only_on_demand});
  }
  return tries;
}

Result<AttachedPrograms> attach_programs(const ProbeOptions& options) {
  hear_libbpf();
  const auto types = usable_types(options.btf_path);
  if (!types) return tl::unexpected(types.error());
  std::string reasons;
  for (const Step& step : hook_steps()) {
    if (options.hook == BoundaryHook::automatic ? step.only_on_demand : options.hook != step.hook) {
      continue;
    }
    auto programs = attach_step(step, options, *types);
    if (programs) return programs;
    base::log_debug("hook {}: {}", step.name, programs.error().message);
    reasons +=
        (reasons.empty() ? "" : "; ") + std::string(step.name) + ": " + programs.error().message;
  }
  return fail(ErrorKind::environment, "cannot measure turns on this kernel: {}", reasons);
}

}  // namespace loopstall::probes
