// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stacks/attribution.h"
#include "stacks/frame.h"
#include "stalls/cause.h"

namespace loopstall::stalls {

/// A stack with its names and its verdict. Immutable and shared: many samples see the same one.
struct KnownStack {
  stacks::Stack stack;
  stacks::Attribution attribution;
};
using KnownStackPtr = std::shared_ptr<const KnownStack>;

/// The stack of which nothing is known: its function is `name`, a reserved one. Lives for ever.
const KnownStackPtr& reserved_stack(std::string_view name);

/// One off-CPU span inside a turn.
struct BlockSample {
  uint64_t start_ns = 0;  ///< when it left the CPU: its identity within the loop
  uint64_t blocked_ns = 0;
  uint64_t runqueue_ns = 0;  ///< waiting for a CPU after the wait, or all of it when preempted;
                             ///< without throttled_ns
  uint64_t weight_ns = 0;    ///< 0: exact; else it stands for this much short off-CPU time
  Cause cause = Cause::other;
  std::string_view syscall;  ///< static; empty outside system calls
  std::string_view fd_kind;  ///< static
  KnownStackPtr stack;       ///< whom it is blamed on: for a GIL wait the holder's
  /// The coroutine that ran: its frame's address, which is its own while it lives, and none is born
  /// and run in the turn that another ends in. 0: no coroutine, or not known.
  uint64_t coroutine = 0;
  bool continues = false;     ///< one more slice of the GIL wait before it: not a wait of its own
  uint64_t throttled_ns = 0;  ///< kept from a CPU by the quota of its cgroup
  std::string task;           ///< name of the asyncio task that ran the coroutine; empty: not known

  uint64_t length_ns() const { return blocked_ns + runqueue_ns + throttled_ns; }
};

/// One clock tick that found the loop running inside the turn.
struct TickSample {
  std::string_view syscall;  ///< static; empty in user mode
  KnownStackPtr stack;
  Cause cause = Cause::cpu;  ///< or gc
  uint64_t coroutine = 0;    ///< as a block's
  std::string task;          ///< as a block's
};

/// How many coroutines shared some time, as far as samples tell: at least `seen`, for one that no
/// sample met is not known.
struct Coroutines {
  uint64_t seen = 0;        ///< different ones
  uint64_t samples = 0;     ///< that met any
  uint64_t longest_ns = 0;  ///< one of them had at least so much of it, with 95 % confidence
  std::string task;  ///< name of that one's asyncio task; empty: not known, or none stands out

  bool operator==(const Coroutines&) const = default;
};

/// How the thread's process ended inside a turn.
struct Death {
  uint32_t exit_code = 0;    ///< as wait(2) gives it: the signal, or the status << 8
  KnownStackPtr last_stack;  ///< where it was last seen; null when it was not

  /// 0 when it exited.
  int signal() const { return static_cast<int>(exit_code & 0x7f); }
  int status() const { return static_cast<int>(exit_code >> 8 & 0xff); }
};

/// A finished turn with everything seen of it.
struct Turn {
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  ByCause cause_ns{};
  bool serving = true;
  bool at_least = false;
  bool is_long = false;  ///< at or above the stall threshold: a stall, unless in startup
  Cause dominant = Cause::cpu;
  std::vector<BlockSample> blocks;
  std::vector<TickSample> ticks;
  std::optional<Death> death;  ///< its process ended inside it

  uint64_t duration_ns() const { return end_ns - start_ns; }
};

}  // namespace loopstall::stalls
