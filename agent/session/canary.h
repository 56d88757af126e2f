// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "session/canary_book.h"

namespace loopstall::session {

/// An event loop of the agent's own that is blocked for a known time, soon after the start and then
/// once a minute: an agent that does not report it does not see others either.
class Canary {
 public:
  /// Each hold lasts `hold_ns`. Fails when the system has no descriptor left.
  static base::Result<std::unique_ptr<Canary>> start(const base::Clock& clock, uint64_t hold_ns);
  ~Canary();
  Canary(const Canary&) = delete;
  Canary& operator=(const Canary&) = delete;

  /// Of the thread that holds the loop.
  pid_t tid() const { return tid_; }
  int home_fd() const { return epoll_.get(); }
  /// The holds since the call before.
  std::vector<CanaryHold> take_holds();

 private:
  Canary(const base::Clock& clock, uint64_t hold_ns, base::UniqueFd epoll, base::UniqueFd stop);
  void run(std::promise<pid_t>& tid);
  void hold();

  const base::Clock& clock_;
  uint64_t hold_ns_;
  base::UniqueFd epoll_;
  base::UniqueFd stop_;
  std::mutex mutex_;
  std::vector<CanaryHold> holds_;  // guarded by mutex_
  std::thread thread_;
  pid_t tid_ = 0;
};

}  // namespace loopstall::session
