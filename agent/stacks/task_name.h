// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "stacks/python_layout.h"

namespace loopstall::stacks {

/// _Py_AsyncioModuleDebugOffsets, the section `.AsyncioDebug` of the module _asyncio from 3.14 on
/// (Modules/_asynciomodule.c): where a build keeps a thread's running task, and that its name.
inline constexpr std::size_t kAsyncioOffsetsBytes = 13 * sizeof(uint64_t);

struct TaskLayout {
  uint32_t running_task = 0;  ///< in the thread's state; null while no task runs
  uint32_t name = 0;          ///< in the task: a str, or an int N for "Task-N"
  uint32_t coroutine = 0;     ///< in the task
};

/// Whether a build of that version says so.
constexpr bool has_task_names(PythonVersion version) { return version >= PythonVersion{3, 14}; }

/// Nothing when it is no such section, or says what cannot be: it is a target's.
std::optional<TaskLayout> task_layout(std::span<const std::byte> section);

/// From the first bytes of a str of 3.14: valid UTF-8, cut where they end. Control characters stay.
/// Empty for what is no compact string.
std::string task_name_of_text(std::span<const std::byte> object);

/// From the bytes of an int of 3.14: "Task-N". Empty for one that is negative or beyond 60 bits.
std::string task_name_of_number(std::span<const std::byte> object);

}  // namespace loopstall::stacks
