// SPDX-License-Identifier: Apache-2.0
#include "doctor/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "probes/requirements.h"
#include "probes/tick_price.h"

namespace loopstall::doctor {
namespace {

// include/linux/proc_ns.h: PROC_PID_INIT_INO and PROC_CGROUP_INIT_INO.
constexpr std::string_view kFirstPids = "pid:[4026531836]";
constexpr std::string_view kFirstCgroups = "cgroup:[4026531835]";

/// The first line; nothing where it cannot be read.
std::optional<std::string> line_of(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

/// "none [integrity] confidentiality": the one in brackets.
std::optional<std::string> chosen(const std::optional<std::string>& line) {
  if (!line) return std::nullopt;
  const std::size_t open = line->find('['), close = line->find(']');
  if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
  return line->substr(open + 1, close - open - 1);
}

std::optional<int> number(const std::optional<std::string>& line) {
  if (!line) return std::nullopt;
  int value = 0;
  const auto read = std::from_chars(line->data(), line->data() + line->size(), value);
  return read.ec == std::errc() ? std::optional(value) : std::nullopt;
}

std::optional<bool> is_namespace(const std::string& link, std::string_view name) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::read_symlink(link, error);
  if (error) return std::nullopt;
  return target == name;
}

int cgroup_version_at(const std::string& folder) {
  if (::access((folder + "/cgroup.controllers").c_str(), F_OK) == 0) return 2;
  return ::access((folder + "/cpu").c_str(), F_OK) == 0 ||
                 ::access((folder + "/cpu,cpuacct").c_str(), F_OK) == 0
             ? 1
             : 0;
}

}  // namespace

Machine read_machine(const std::string& root, const std::string& btf_path) {
  Machine machine;
  utsname names{};
  if (::uname(&names) == 0) {
    machine.kernel = names.release;
    machine.architecture = names.machine;
  }
  machine.btf_path = btf_path.empty() ? root + probes::kKernelBtf : btf_path;
  machine.has_btf = probes::holds_types(machine.btf_path);
  machine.lockdown = chosen(line_of(root + "/sys/kernel/security/lockdown"));
  machine.needed_capabilities = probes::needed_capabilities();
  machine.missing_capabilities = probes::missing_capabilities();
  machine.may_sample = probes::may_sample();
  machine.tick_price_ns = probes::measure_tick_price_ns();
  machine.perf_event_paranoid = number(line_of(root + "/proc/sys/kernel/perf_event_paranoid"));
  machine.has_tracefs = ::access((root + "/sys/kernel/tracing/events/syscalls").c_str(), F_OK) == 0;
  machine.cgroup_version = cgroup_version_at(root + "/sys/fs/cgroup");
  machine.sees_all_pids = is_namespace(root + "/proc/self/ns/pid", kFirstPids);
  machine.sees_all_cgroups = is_namespace(root + "/proc/self/ns/cgroup", kFirstCgroups);
  return machine;
}

}  // namespace loopstall::doctor
