// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "host/procfs.h"
#include "session/resolver.h"

namespace loopstall::doctor {

struct LoopFinding {
  uint32_t tid = 0;
  std::string runtime;  ///< "asyncio"
};

/// One process with a Python in it. Its words are printable: control characters are replaced.
struct ProcessFinding {
  uint32_t pid = 0;
  std::string python;  ///< "cpython3.12"; empty where it is refused
  std::string name;    ///< as the label `process`, or the command where it is refused
  std::vector<LoopFinding> loops;
  std::string refusal;  ///< why it cannot be measured: the token; empty: it can be
};

struct Processes {
  std::vector<ProcessFinding> pythons;  ///< by pid
  std::size_t others = 0;               ///< that have no Python
};

/// Looks at processes once, as the agent does when it starts: all, or those given. A process whose
/// files hang costs two seconds.
Processes look_at_processes(const host::Procfs& procfs, const base::Clock& clock,
                            const std::vector<uint32_t>& pids);

ProcessFinding describe(const session::Inspected& inspected, const std::string& command);

/// What a refusal means, and what to do about it: two sentences.
std::string explain(const std::string& refusal);

}  // namespace loopstall::doctor
