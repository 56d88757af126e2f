// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "doctor/checks.h"
#include "doctor/processes.h"

namespace loopstall::doctor {

struct Report {
  std::vector<Check> checks;
  Processes processes;

  /// Checks whose verdict is `prevents`.
  std::size_t problems() const;
};

/// For people: a line a check, its fix below it, then a line a process.
std::string to_text(const Report& report);

/// {"checks": [{"name", "verdict", "finding", "fix"}], "processes": [{"pid", "process", "python",
/// "state", "loops": [{"tid", "runtime"}], "explanation"}], "other_processes": N}
std::string to_json(const Report& report);

}  // namespace loopstall::doctor
