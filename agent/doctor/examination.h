// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "doctor/report.h"

namespace loopstall::doctor {

struct Wanted {
  std::vector<uint32_t> pids;  ///< empty: all processes
  std::string btf_path;        ///< empty: the kernel's own
};

/// Looks at the machine, tries each hook where it can, and looks at the processes. Fails with
/// ErrorKind::environment for a pid that no process has.
base::Result<Report> examine(const Wanted& wanted, const base::Clock& clock);

}  // namespace loopstall::doctor
