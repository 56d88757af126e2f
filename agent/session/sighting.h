// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/clock.h"
#include "host/procfs.h"
#include "session/process_reader.h"
#include "session/target.h"

namespace loopstall::session {

/// The loops that a process has already, from its threads' Python stacks and /proc. Nothing is
/// paused: a thread may move on while it is read, which the kernel side checks again.
std::vector<SightedLoop> sight_loops(const host::Procfs& procfs, const base::Clock& clock,
                                     ProcessReader& reader);

}  // namespace loopstall::session
