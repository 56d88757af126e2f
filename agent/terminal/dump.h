// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "terminal/loop_now.h"

namespace loopstall::terminal {

/// What `loopstall dump` prints: a paragraph for each loop, with the stack that it stands in.
std::string dump_text(const std::vector<LoopNow>& loops);

/// The same as one JSON document (docs/commands.md).
std::string dump_json(const std::vector<LoopNow>& loops, uint64_t wall_ns);

}  // namespace loopstall::terminal
