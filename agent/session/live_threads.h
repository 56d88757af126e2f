// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "host/procfs.h"
#include "session/process_reader.h"

namespace loopstall::session {

struct LiveThread {
  pid_t tid = 0;  ///< as /proc names it
  uint64_t tstate = 0;
};

/// The threads that run Python and still exist; each once, however often the target's own list
/// names it.
std::vector<LiveThread> live_python_threads(const host::Procfs& procfs,
                                            const ProcessReader& reader);

}  // namespace loopstall::session
