// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "stacks/attribution.h"
#include "stacks/frame.h"
#include "stalls/cause.h"

namespace loopstall::stalls {

/// One or two plain sentences: what to do about a hold. They name the blamed function and the
/// remedy. The table is searched with the frames from the leaf up to the blamed one (the library
/// that it called); C functions leave no frame, so where none matches, the system call and the
/// cause decide. Pure; never throws; valid UTF-8.
///
/// `syscall` is the one that it waited or computed in ("recvfrom"), empty when none.
std::string advice_for(const stacks::Stack& stack, const stacks::Attribution& attribution,
                       Cause cause, std::string_view syscall);

}  // namespace loopstall::stalls
