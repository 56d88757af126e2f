// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "stalls/turn.h"

namespace loopstall::stalls {

/// One function's part of one turn.
struct Hold {
  KnownStackPtr stack;  ///< that seen for most of `cause`; its attribution names the function
  ByCause cause_ns{};
  Cause cause = Cause::other;  ///< the one that took most of it
  std::string_view syscall;    ///< of that stack
  uint64_t hold_ns = 0;
  Coroutines coroutines;  ///< that ran it; those of another thread are not counted
};

/// Splits a turn among the functions that were seen in it; the holds add up to the causes of the
/// turn exactly. Blocks of at least min_block are exact; the rest of each cause's time is shared
/// out by the sampled blocks of that cause, and CPU time by the ticks. What nothing was seen of is
/// ~unsampled; what the machine took (see cause_is_machines) is ~machine's. Longest first. Pure.
std::vector<Hold> attribute_turn(const Turn& turn);

/// What `delayed` descriptors, found ready at the end of a stall, waited in all for a part of it:
/// each became ready, on average, when half of it was over.
uint64_t harm_ns(uint64_t part_ns, uint64_t delayed);

/// Those that all samples of the turn met.
Coroutines coroutines_of(const Turn& turn);

}  // namespace loopstall::stalls
