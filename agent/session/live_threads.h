// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

#include "host/procfs.h"
#include "session/process_reader.h"
#include "stacks/python_process.h"
#include "stacks/raw_stack.h"

namespace loopstall::session {

struct LiveThread {
  pid_t tid = 0;  ///< as /proc names it
  stacks::PythonThread python;
};

/// The threads that run Python and still exist; each once, however often the target's own list
/// names it.
std::vector<LiveThread> live_python_threads(const host::Procfs& procfs,
                                            const ProcessReader& reader);

/// Its frames now; nothing when the state went over to another thread meanwhile.
std::optional<stacks::RawStack> stack_of(const ProcessReader& reader, const LiveThread& thread);

}  // namespace loopstall::session
