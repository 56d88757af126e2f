// SPDX-License-Identifier: Apache-2.0
#include "doctor/examination.h"

#include "host/procfs.h"
#include "session/wanted_pids.h"

namespace loopstall::doctor {

base::Result<Report> examine(const Wanted& wanted, const base::Clock& clock) {
  const host::Procfs procfs;
  if (auto exist = session::check_pids(procfs, wanted.pids); !exist) {
    return tl::unexpected(exist.error());
  }
  Report report;
  report.checks = check_machine(read_machine("", wanted.btf_path));
  if (report.problems() == 0) {  // else why no hook attaches is said already
    probes::ProbeOptions options;
    options.btf_path = wanted.btf_path;
    for (Check& hook : check_hooks(probes::try_hooks(options))) {
      report.checks.push_back(std::move(hook));
    }
  }
  report.processes = look_at_processes(procfs, clock, wanted.pids);
  return report;
}

}  // namespace loopstall::doctor
