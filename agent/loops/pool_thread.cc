// SPDX-License-Identifier: Apache-2.0
#include "loops/pool_thread.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "loops/frame_rule.h"

namespace loopstall::loops {
namespace {

/// The function that takes jobs from the queue and runs them.
struct WorkerRule {
  FrameRule worker;
  bool waits_itself;  ///< in C, without a frame: for a SimpleQueue, or a lock
};

constexpr WorkerRule kWorkers[] = {
    {{"_worker", "/concurrent/futures/thread.py"}, true},
    {{"run", "/anyio/_backends/_asyncio.py"}, false},
    {{"_work", "/trio/_core/_thread_cache.py"}, true},
};

constexpr std::string_view kQueue = "/queue.py";
constexpr std::string_view kThreading = "/threading.py";

/// Called by threading itself: anyio.run() has the name of its worker's function, in one file.
bool is_worker(const std::vector<FrameName>& stack, std::size_t at, const FrameRule& rule) {
  return matches(stack[at], rule) && at + 1 < stack.size() &&
         stack[at + 1].path.ends_with(kThreading);
}

}  // namespace

PoolThread judge_pool_thread(const std::vector<FrameName>& stack) {
  for (std::size_t at = 0; at < stack.size(); ++at) {
    const auto* const rule =
        std::find_if(std::begin(kWorkers), std::end(kWorkers),
                     [&](const WorkerRule& one) { return is_worker(stack, at, one.worker); });
    if (rule == std::end(kWorkers)) continue;
    const bool waits = at == 0 ? rule->waits_itself : stack[at - 1].path.ends_with(kQueue);
    return waits ? PoolThread::idle : PoolThread::busy;
  }
  return PoolThread::none;
}

}  // namespace loopstall::loops
