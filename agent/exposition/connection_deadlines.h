// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>

namespace loopstall::exposition {

/// Ends connections that take too long, however busy they seem: a peer that sends a byte now and
/// then is never idle. Has a thread of its own, which only shuts sockets down. Thread-safe.
class ConnectionDeadlines {
 public:
  /// `allowed`: for what begins with begin(), each time.
  explicit ConnectionDeadlines(std::chrono::milliseconds allowed);
  ConnectionDeadlines(const ConnectionDeadlines&) = delete;
  ConnectionDeadlines& operator=(const ConnectionDeadlines&) = delete;

  /// A connection, or its next part, has begun: the time runs anew.
  void begin(int socket);
  /// The socket is about to be closed.
  void forget(int socket);

 private:
  using Clock = std::chrono::steady_clock;
  void watch(std::stop_token stop);
  void end_those_that_are_late();

  const std::chrono::milliseconds allowed_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<int, Clock::time_point> deadlines_;  // guarded by mutex_
  std::jthread thread_;
};

}  // namespace loopstall::exposition
