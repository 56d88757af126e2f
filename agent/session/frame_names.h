// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "loops/home_wait.h"
#include "stacks/frame.h"

namespace loopstall::session {

/// The stack as the rules of loops/ see it. Refers to `stack`, which must outlive it.
std::vector<loops::FrameName> frame_names(const stacks::Stack& stack);

}  // namespace loopstall::session
