// SPDX-License-Identifier: Apache-2.0
#include "doctor/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "probes/tick_price.h"

namespace loopstall::doctor {
namespace {

constexpr std::pair<int, int> kOldestKernel{5, 15};
constexpr int kMostParanoid = 2;  // above it, Debian's and Ubuntu's kernels ask for CAP_SYS_ADMIN

/// {0, 0} where it is no version.
std::pair<int, int> version_of(const std::string& release) {
  std::pair<int, int> version{0, 0};
  const char* const end = release.data() + release.size();
  const auto major = std::from_chars(release.data(), end, version.first);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return {0, 0};
  const auto minor = std::from_chars(major.ptr + 1, end, version.second);
  return minor.ec == std::errc() ? version : std::pair{0, 0};
}

Check check_kernel(const Machine& machine) {
  Check check{"kernel", Verdict::ok, machine.kernel + " on " + machine.architecture, {}};
  if (machine.architecture != "x86_64") {
    check.verdict = Verdict::prevents;
    check.fix = "run it on x86-64: the layouts of Python are those of x86-64";
  } else if (version_of(machine.kernel) < kOldestKernel) {
    check.verdict = Verdict::limits;
    check.fix = fmt::format("use Linux {}.{} or later: older kernels are not supported",
                            kOldestKernel.first, kOldestKernel.second);
  }
  return check;
}

Check check_btf(const Machine& machine) {
  if (machine.has_btf) return {"btf", Verdict::ok, machine.btf_path, {}};
  return {"btf", Verdict::prevents, machine.btf_path + " cannot be read, or has none",
          "use a kernel built with CONFIG_DEBUG_INFO_BTF, or give a BTF file that matches it with "
          "--btf"};
}

Check check_lockdown(const Machine& machine) {
  if (!machine.lockdown) return {"lockdown", Verdict::ok, "none is shown", {}};
  Check check{"lockdown", Verdict::ok, *machine.lockdown, {}};
  if (*machine.lockdown == "confidentiality") {
    check.verdict = Verdict::prevents;
    check.fix = "boot with lockdown=integrity: confidentiality keeps BPF from reading memory";
  }
  return check;
}

Check check_capabilities(const Machine& machine) {
  if (!machine.missing_capabilities.empty()) {
    return {"capabilities", Verdict::prevents, machine.missing_capabilities + " missing",
            "run it as root, or grant these: setcap on the binary, capabilities.add in the pod"};
  }
  return {"capabilities",
          Verdict::ok,
          machine.needed_capabilities + "; the agent gives up those that attaching alone needs",
          {}};
}

Check check_paranoia(const Machine& machine) {
  if (!machine.perf_event_paranoid) {
    return {"perf_event_paranoid", Verdict::limits, "the kernel has no perf events",
            "use a kernel built with CONFIG_PERF_EVENTS: without, CPU time gets no function"};
  }
  Check check{"perf_event_paranoid", Verdict::ok, std::to_string(*machine.perf_event_paranoid), {}};
  if (machine.may_sample) {
    check.finding += ", and it may sample";
    return check;
  }
  const bool is_patched = *machine.perf_event_paranoid > kMostParanoid;
  check.verdict = Verdict::limits;
  check.fix = fmt::format(
      "grant {}, or lower /proc/sys/kernel/perf_event_paranoid to {}: else CPU time gets no "
      "function",
      is_patched ? "CAP_SYS_ADMIN, which is not needed on kernels without Debian's patch"
                 : "CAP_PERFMON",
      is_patched ? "2" : "0");
  return check;
}

/// Information: a dear timer costs detail, and nothing is lacking.
Check check_clock(const Machine& machine) {
  if (!machine.may_sample) return {"sampling clock", Verdict::ok, "none", {}};
  const uint32_t rate_hz = probes::affordable_rate_hz(machine.tick_price_ns);
  std::string finding = fmt::format("{} ticks a second", rate_hz);
  if (machine.tick_price_ns) {
    finding += fmt::format("; one takes {:.1f} us of its CPU",
                           static_cast<double>(*machine.tick_price_ns) / 1000);
  }
  return {"sampling clock", Verdict::ok, finding, {}};
}

Check check_tracefs(const Machine& machine) {
  if (machine.has_tracefs) return {"tracefs", Verdict::ok, "/sys/kernel/tracing", {}};
  return {"tracefs", Verdict::limits, "the tracepoints of system calls cannot be seen",
          "mount -t tracefs tracefs /sys/kernel/tracing: else every system call of every process "
          "is hooked"};
}

Check check_cgroups(const Machine& machine) {
  if (machine.cgroup_version == 0) {
    return {
        "cgroup", Verdict::limits, "none is mounted at /sys/fs/cgroup",
        "mount it: else containers have no names, and time under a quota may not be told apart"};
  }
  return {"cgroup", Verdict::ok, fmt::format("version {}", machine.cgroup_version), {}};
}

Check check_namespaces(const Machine& machine) {
  if (machine.sees_all_pids == false) {
    return {"namespaces", Verdict::prevents, "a pid namespace of its own",
            "share the node's: hostPID: true in a pod, --pid=host for docker"};
  }
  if (machine.sees_all_cgroups == false) {
    return {"namespaces", Verdict::ok, "the node's pids, a cgroup namespace of its own", {}};
  }
  return {"namespaces", Verdict::ok, "the node's", {}};
}

}  // namespace

std::vector<Check> check_machine(const Machine& machine) {
  return {check_kernel(machine),       check_btf(machine),      check_lockdown(machine),
          check_capabilities(machine), check_paranoia(machine), check_clock(machine),
          check_tracefs(machine),      check_cgroups(machine),  check_namespaces(machine)};
}

std::vector<Check> check_hooks(const std::vector<probes::HookTry>& tries) {
  std::vector<Check> checks;
  const probes::HookTry* chosen = nullptr;
  for (const probes::HookTry& one : tries) {
    const bool works = one.reason.empty();
    // What would not be chosen anyhow is missed by nobody.
    const bool is_missed = !works && chosen == nullptr && !one.only_on_demand;
    if (works && chosen == nullptr && !one.only_on_demand) chosen = &one;
    checks.push_back({"hook " + one.name,
                      is_missed ? Verdict::limits : Verdict::ok,
                      works ? "attaches" : one.reason,
                      {}});
    if (is_missed && one.name == "fentry") {
      checks.back().fix =
          "use a kernel whose functions BPF programs may be attached to "
          "(CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS): else every process pays a little";
    }
    if (one.only_on_demand) checks.back().finding += "; only used on demand (--hook)";
  }
  if (chosen != nullptr) {
    checks.push_back({"hooks", Verdict::ok, "turns are measured by " + chosen->name, {}});
  } else {
    checks.push_back({"hooks", Verdict::prevents, "none attaches",
                      "mend what is above; else report the reasons, with the kernel's version"});
  }
  return checks;
}

}  // namespace loopstall::doctor
