// SPDX-License-Identifier: Apache-2.0
#include "probes/requirements.h"

#include <bpf/btf.h>
#include <cap-ng.h>

#include <string>

#include "probes/attaching.h"
#include "probes/perf_events.h"

namespace loopstall::probes {
namespace {

struct Need {
  unsigned capability;
  const char* name;
};

// CAP_SYS_ADMIN stands in for the first two, as it did before they were split off it (5.8).
constexpr Need kNeeds[] = {
    {CAP_BPF, "CAP_BPF"},
    {CAP_PERFMON, "CAP_PERFMON"},
    {CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
    {CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"},
};

void add(std::string& names, const char* name) {
  names += (names.empty() ? "" : ", ") + std::string(name);
}

}  // namespace

std::string needed_capabilities() {
  std::string needed;
  for (const Need& need : kNeeds) add(needed, need.name);
  return needed;
}

bool may_sample() {
  constexpr uint32_t kSomeRate = 99;
  return static_cast<bool>(open_cpu_clock(-1, 0, kSomeRate));
}

std::string missing_capabilities() {
  capng_get_caps_process();
  const bool is_admin = capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN) != 0;
  std::string missing;
  for (const Need& need : kNeeds) {
    const bool covered =
        is_admin && need.capability != CAP_SYS_PTRACE && need.capability != CAP_DAC_READ_SEARCH;
    if (covered || capng_have_capability(CAPNG_EFFECTIVE, need.capability) != 0) continue;
    add(missing, need.name);
  }
  return missing;
}

bool holds_types(const std::string& btf_path) {
  hear_libbpf();
  btf* types = btf__parse(btf_path.c_str(), nullptr);
  btf__free(types);  // takes a null pointer
  return types != nullptr;
}

base::Result<void> check_capabilities() {
  if (const std::string missing = missing_capabilities(); !missing.empty()) {
    return base::fail(base::ErrorKind::environment,
                      "the agent lacks {}; run it as root, or grant these capabilities", missing);
  }
  return {};
}

}  // namespace loopstall::probes
