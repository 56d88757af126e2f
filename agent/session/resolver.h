// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "host/procfs.h"
#include "session/target.h"
#include "stacks/raw_stack.h"

namespace loopstall::session {

struct ResolverOptions {
  std::vector<uint32_t> pids;  ///< what to look at when scanning; empty: all
  std::vector<std::string> transparent_functions;
  std::vector<std::string> application_packages;
};

/// Why frames of a stack have no name, with how many.
struct FrameErrors {
  std::string runtime;
  std::string reason;
  uint64_t count = 0;
};

struct Inspected {
  uint32_t pid = 0;
  uint64_t start_boot_ns = 0;  ///< 0: the process is gone
  std::string exe;             ///< its executable before it was inspected
  uint64_t code_bytes = 0;     ///< of executable mappings before it was inspected
  tl::expected<TargetPtr, stacks::PythonRefusal> target;
  std::vector<SightedLoop> loops;  ///< that it had already
};

struct Resolved {
  uint64_t stack_id = 0;
  stalls::KnownStackPtr stack;
  std::vector<FrameErrors> errors;
};

struct Scanned {
  std::vector<Inspected> processes;
};

using ResolverResult = std::variant<Inspected, Resolved, Scanned>;

/// Does the slow reads of targets - their files, their memory - on a thread of its own, so that a
/// hung mount in one container cannot blind the agent. Requests are answered in their order.
class Resolver {
 public:
  Resolver(const host::Procfs& procfs, const base::Clock& clock, ResolverOptions options);
  ~Resolver();

  void scan();
  void inspect(uint32_t pid);
  /// False when too many requests wait: the stack stays unknown.
  bool resolve(uint32_t pid, uint64_t stack_id, stacks::RawStack stack);
  void forget(uint32_t pid);

  std::vector<ResolverResult> take_results();
  /// Requests not yet answered.
  std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  struct Scan {};
  struct Inspect {
    uint32_t pid;
  };
  struct Resolve {
    uint32_t pid;
    uint64_t stack_id;
    stacks::RawStack stack;
  };
  struct Forget {
    uint32_t pid;
  };
  using Request = std::variant<Scan, Inspect, Resolve, Forget>;
  class Worker;

  void run(std::stop_token stop);
  void enqueue(Request request);

  std::unique_ptr<Worker> worker_;  // touched by thread_ only
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Request> requests_;         // guarded by mutex_
  std::vector<ResolverResult> results_;  // guarded by mutex_
  std::atomic<std::size_t> waiting_{0};
  std::jthread thread_;
};

}  // namespace loopstall::session
