// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "doctor/machine.h"
#include "probes/hook_try.h"

namespace loopstall::doctor {

enum class Verdict {
  ok,
  limits,   ///< the agent works, but not all of it
  prevents  ///< the agent does not start, or measures nothing
};

struct Check {
  std::string name;  ///< stable, such as "capabilities"
  Verdict verdict = Verdict::ok;
  std::string finding;
  std::string fix;  ///< empty where nothing need be done
};

std::vector<Check> check_machine(const Machine& machine);

/// One check a step of the hook ladder, and "hooks", which fails where none works.
std::vector<Check> check_hooks(const std::vector<probes::HookTry>& tries);

}  // namespace loopstall::doctor
