// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "host/procfs.h"
#include "session/process_reader.h"
#include "stalls/snapshot.h"

namespace loopstall::session {

/// The threads of the process's thread pools at this moment, from their Python stacks; of a process
/// with more than 512 threads, of so many. Slow (foreign memory): for the resolver's threads.
stalls::PoolThreads count_pool_threads(const host::Procfs& procfs, ProcessReader& reader);

}  // namespace loopstall::session
