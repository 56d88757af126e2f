// SPDX-License-Identifier: Apache-2.0
#include "session/stall_log.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace loopstall::session {
namespace {

constexpr std::size_t kMaxQueued = 10'000;
constexpr std::chrono::seconds kStopGrace{1};
constexpr int kPollMs = 100;

}  // namespace

base::Result<std::unique_ptr<StallLog>> StallLog::open(const std::string& path) {
  if (path == "-") return std::unique_ptr<StallLog>(new StallLog({}, STDOUT_FILENO));
  base::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!file) {
    return base::fail(base::ErrorKind::environment,
                      "cannot open the stall log {}: {}; choose another path with --stall-log",
                      base::quoted(path), std::strerror(errno));
  }
  const int fd = file.get();
  return std::unique_ptr<StallLog>(new StallLog(std::move(file), fd));
}

StallLog::StallLog(base::UniqueFd file, int fd) : file_(std::move(file)), fd_(fd) {}

StallLog::~StallLog() = default;

void StallLog::write(std::shared_ptr<const stalls::StallRecord> record) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= kMaxQueued) {
      suppressed_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    queue_.push_back(std::move(record));
    if (!thread_.joinable()) thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
  }
  wake_.notify_one();
}

bool StallLog::is_out_of_time(const std::stop_token& stop) {
  if (!stop.stop_requested()) return false;
  const auto now = std::chrono::steady_clock::now();
  if (!give_up_) give_up_ = now + kStopGrace;
  return now >= *give_up_;
}

bool StallLog::write_line(const std::string& line, const std::stop_token& stop) {
  std::size_t written = 0;
  while (written < line.size()) {
    if (is_out_of_time(stop)) return false;
    pollfd ready{fd_, POLLOUT, 0};
    if (poll(&ready, 1, kPollMs) <= 0) continue;
    // A pipe that is ready takes this much without blocking.
    const std::size_t part = std::min<std::size_t>(line.size() - written, PIPE_BUF);
    const ssize_t size = ::write(fd_, line.data() + written, part);
    if (size < 0 && errno != EINTR && errno != EAGAIN) {
      base::log_warning("cannot write the stall log: {}", std::strerror(errno));
      return false;
    }
    if (size > 0) written += static_cast<std::size_t>(size);
  }
  return true;
}

void StallLog::run(std::stop_token stop) {
  while (true) {
    std::shared_ptr<const stalls::StallRecord> record;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, stop, [this] { return !queue_.empty(); });
      if (queue_.empty()) return;
      record = std::move(queue_.front());
      queue_.pop_front();
    }
    if (!write_line(stalls::to_json(*record) + "\n", stop)) {
      suppressed_.fetch_add(1, std::memory_order_relaxed);
      if (is_out_of_time(stop)) return;
    }
  }
}

}  // namespace loopstall::session
