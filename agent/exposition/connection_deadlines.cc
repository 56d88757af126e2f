// SPDX-License-Identifier: Apache-2.0
#include "exposition/connection_deadlines.h"

#include <sys/socket.h>

namespace loopstall::exposition {
namespace {

// A deadline is met with this delay at most, so that the thread need not be told of each
// connection.
constexpr std::chrono::milliseconds kLookEvery{250};

}  // namespace

ConnectionDeadlines::ConnectionDeadlines(std::chrono::milliseconds allowed)
    : allowed_(allowed), thread_([this](std::stop_token stop) { watch(stop); }) {}

void ConnectionDeadlines::begin(int socket) {
  const std::lock_guard lock(mutex_);
  const bool was_empty = deadlines_.empty();
  deadlines_[socket] = Clock::now() + allowed_;
  if (was_empty) changed_.notify_all();
}

void ConnectionDeadlines::forget(int socket) {
  const std::lock_guard lock(mutex_);
  deadlines_.erase(socket);
}

/// Whoever serves the connection finds it at its end, and closes it. Under the lock the number
/// cannot have been given to another one.
void ConnectionDeadlines::end_those_that_are_late() {
  const Clock::time_point now = Clock::now();
  for (const auto& [socket, deadline] : deadlines_) {
    if (deadline <= now) ::shutdown(socket, SHUT_RDWR);
  }
}

void ConnectionDeadlines::watch(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (!changed_.wait(lock, stop, [this] { return !deadlines_.empty(); })) return;
    end_those_that_are_late();
    changed_.wait_for(lock, stop, kLookEvery, [] { return false; });
  }
}

}  // namespace loopstall::exposition
