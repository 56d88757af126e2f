// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "stacks/raw_stack.h"

namespace loopstall::session {

/// Whoever reads the names of stacks.
class StackRequests {
 public:
  virtual ~StackRequests() = default;
  /// False when too many requests wait: the stack stays unknown.
  virtual bool resolve(uint32_t pid, uint64_t stack_id, const stacks::RawStack& stack) = 0;
};

}  // namespace loopstall::session
