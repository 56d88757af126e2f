// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "exposition/json_values.h"
#include "exposition/turn_now.h"
#include "stacks/frame.h"
#include "stalls/snapshot.h"

namespace loopstall::exposition {

/// The frames, innermost first.
Json stack_json(const stacks::Stack& stack);

/// One loop as it is now: an element of `loops` in docs/http.md.
Json loop_json(const stalls::LoopState& loop, const TurnNow& now);

}  // namespace loopstall::exposition
