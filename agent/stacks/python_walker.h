// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "stacks/memory_reader.h"
#include "stacks/python_process.h"
#include "stacks/raw_stack.h"

namespace loopstall::stacks {

inline constexpr int kMaxWalkedFrames = 128;

/// Walks the frames of one PyThreadState from user space: for loops that already hang when the
/// agent starts, and for tests. The thread is not stopped, so what a running thread gives may be
/// torn; a sleeping one's stack is exact. At most 128 frames; a cycle, an unreadable frame or one
/// that holds no code object ends the walk and marks the stack truncated. No frames and
/// not `truncated`: the thread runs no Python code.
RawStack walk_python_stack(const MemoryReader& memory, const PythonProcess& process,
                           uint64_t tstate);

}  // namespace loopstall::stacks
