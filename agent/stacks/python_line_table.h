// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "stacks/python_layout.h"

namespace loopstall::stacks {

/// The source line of the instruction at a byte offset; 0 when the table gives none. Takes any
/// bytes: the table is the target's.
int python_line(LineTableKind kind, std::span<const uint8_t> table, int firstlineno,
                int32_t instruction);

}  // namespace loopstall::stacks
