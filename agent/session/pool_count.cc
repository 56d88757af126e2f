// SPDX-License-Identifier: Apache-2.0
#include "session/pool_count.h"

#include <cstddef>
#include <map>
#include <string>

#include "loops/pool_thread.h"
#include "session/frame_names.h"
#include "session/live_threads.h"

namespace loopstall::session {
namespace {

constexpr std::size_t kMaxThreads = 512;

}  // namespace

stalls::PoolThreads count_pool_threads(const host::Procfs& procfs, ProcessReader& reader) {
  stalls::PoolThreads pool;
  std::map<std::string, uint64_t> ignored;
  std::vector<LiveThread> threads = live_python_threads(procfs, reader);
  if (threads.size() > kMaxThreads) threads.resize(kMaxThreads);
  for (const LiveThread& thread : threads) {
    const auto stack = stack_of(reader, thread);
    if (!stack) continue;
    const stalls::KnownStackPtr known = reader.name(*stack, ignored);
    switch (loops::judge_pool_thread(frame_names(known->stack))) {
      case loops::PoolThread::none:
        break;
      case loops::PoolThread::idle:
        ++pool.idle;
        break;
      case loops::PoolThread::busy:
        ++pool.busy;
        break;
    }
  }
  return pool;
}

}  // namespace loopstall::session
