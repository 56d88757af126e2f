// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "host/procfs.h"
#include "session/lanes.h"
#include "session/stack_requests.h"
#include "session/target.h"
#include "stacks/raw_stack.h"
#include "stalls/snapshot.h"

namespace loopstall::session {

struct ResolverOptions {
  std::vector<uint32_t> pids;  ///< what to look at when scanning; empty: all
  std::vector<std::string> transparent_functions;
  std::vector<std::string> application_packages;
  bool with_children = false;  ///< of those, their descendants too
};

/// Why frames of a stack have no name, with how many.
struct FrameErrors {
  std::string runtime;
  std::string reason;
  uint64_t count = 0;
};

struct Inspected {
  uint32_t pid = 0;
  bool awaited = true;  ///< false: found by a scan, or answered for before, when its files hung
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

/// All processes that there were have been looked at.
struct Scanned {};

struct PoolCounted {
  uint32_t pid = 0;
  std::optional<stalls::PoolThreads> threads;  ///< nothing: they cannot be counted
};

using ResolverResult = std::variant<Inspected, Resolved, Scanned, PoolCounted>;

/// Does the slow reads of targets - their files, their memory - on threads of its own, so that a
/// mount that hangs in one container can blind the agent for no other. Requests about one process
/// are answered in their order. A process whose files hang for two seconds is answered for: it is
/// refused as `files_hang`, its pool cannot be counted; what is read at last comes unawaited.
class Resolver : public StackRequests {
 public:
  /// Both must outlive it.
  Resolver(const host::Procfs& procfs, const base::Clock& clock, ResolverOptions options);
  ~Resolver() override;

  void scan();
  void inspect(uint32_t pid);
  bool resolve(uint32_t pid, uint64_t stack_id, const stacks::RawStack& stack) override;
  void forget(uint32_t pid);
  void count_pool(uint32_t pid);

  /// Call it a few times a second: it answers for processes that hang, too.
  std::vector<ResolverResult> take_results();

 private:
  class Workshop;
  class Desk;
  enum class Kind : uint8_t { scan, inspect, count_pool };

  void ask(uint32_t pid, Kind kind);
  bool hangs(uint32_t pid) const;
  std::vector<uint32_t> pids_to_scan() const;

  const host::Procfs& procfs_;
  std::vector<uint32_t> pids_;  // what to look at when scanning; empty: all
  bool with_children_;          // of those, their descendants too
  std::shared_ptr<Workshop> workshop_;
  std::shared_ptr<Desk> desk_;
  Lanes lanes_;
};

}  // namespace loopstall::session
