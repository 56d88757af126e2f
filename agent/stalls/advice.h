// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "stacks/attribution.h"
#include "stacks/frame.h"
#include "stalls/cause.h"
#include "stalls/own_advice.h"

namespace loopstall::stalls {

/// One or two plain sentences: what to do about a hold. They name the blamed function and the
/// remedy. What the team says of its own (`own`) comes first. The table is searched with the frames
/// that the blamed one called, outermost first (so `requests` speaks before the urllib3 inside it);
/// C functions leave no frame, so where none matches, the cause and the system call decide. Pure;
/// valid UTF-8.
///
/// `syscall` is the one that it waited or computed in ("recvfrom"), empty when none.
std::string advice_for(const stacks::Stack& stack, const stacks::Attribution& attribution,
                       Cause cause, std::string_view syscall, const OwnAdvice& own = {});

}  // namespace loopstall::stalls
