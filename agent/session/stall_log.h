// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "base/unique_fd.h"
#include "stalls/stall_record.h"

namespace loopstall::session {

/// Writes stall records as NDJSON, one line each, on a thread of its own: a full pipe must not
/// hold the measurement. What does not fit its queue is dropped and counted.
class StallLog {
 public:
  /// `path` "-" is standard output. A file is created with mode 0640 and appended to. Fails with
  /// ErrorKind::environment. The thread begins with the first record, and has the privileges of the
  /// thread that writes it.
  static base::Result<std::unique_ptr<StallLog>> open(const std::string& path);

  /// Writes what is queued, for at most a second, and closes.
  ~StallLog();

  void write(std::shared_ptr<const stalls::StallRecord> record);
  uint64_t suppressed() const { return suppressed_.load(std::memory_order_relaxed); }

 private:
  StallLog(base::UniqueFd file, int fd);
  void run(std::stop_token stop);
  bool write_line(const std::string& line, const std::stop_token& stop);
  bool is_out_of_time(const std::stop_token& stop);

  base::UniqueFd file_;  // none for standard output
  int fd_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<std::shared_ptr<const stalls::StallRecord>> queue_;  // guarded by mutex_
  std::atomic<uint64_t> suppressed_{0};
  std::optional<std::chrono::steady_clock::time_point> give_up_;  // touched by thread_ only
  std::jthread thread_;
};

}  // namespace loopstall::session
