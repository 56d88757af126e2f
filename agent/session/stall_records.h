// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stalls/own_advice.h"
#include "stalls/stall_record.h"
#include "stalls/turn.h"
#include "stalls/turn_attribution.h"

namespace loopstall::session {

/// The record of a stall, but for what the loop knows: id, pid, labels, wall time.
stalls::StallRecord make_stall_record(const stalls::Turn& turn,
                                      const std::vector<stalls::Hold>& holds,
                                      const stalls::OwnAdvice& own = {});

/// A short id.
std::string stall_id(uint64_t number);

/// What to do about a hold; empty for reserved names.
std::string advice_of(const stalls::Hold& hold, const stalls::OwnAdvice& own = {});

}  // namespace loopstall::session
