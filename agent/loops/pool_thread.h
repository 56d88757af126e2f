// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "loops/home_wait.h"

namespace loopstall::loops {

enum class PoolThread { none, idle, busy };

/// What a thread with that stack, innermost frame first, is to the thread pools of its process:
/// those of concurrent.futures (asyncio's default executor is one), anyio and trio. Pure.
PoolThread judge_pool_thread(const std::vector<FrameName>& stack);

}  // namespace loopstall::loops
