// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loops/labels.h"
#include "stacks/frame.h"
#include "stalls/cause.h"
#include "stalls/turn.h"

namespace loopstall::stalls {

/// One function's part of a stall.
struct StallHold {
  std::string function;  ///< the culprit, or a reserved name such as ~unsampled
  std::string entry;     ///< empty when unknown
  std::string leaf;
  std::string file;            ///< path from the import root; empty for reserved names
  std::string path;            ///< raw path
  int line = 0;                ///< line inside `function`
  std::string why;             ///< the ownership of the culprit; empty for reserved names
  Cause cause = Cause::other;  ///< dominant cause of this hold
  std::string syscall;         ///< the system call it waited or computed in, if any
  uint64_t hold_ns = 0;
  Coroutines coroutines;
  stacks::Stack stack;  ///< the stack seen for most of the hold
  std::string advice;   ///< one sentence, may be empty
};

/// Time blocked in one system call on one kind of file descriptor.
struct StallSyscall {
  std::string name;
  std::string fd_kind;  ///< socket, file, pipe, eventfd, …; empty when it has no descriptor
  uint64_t blocked_ns = 0;
  uint64_t waits = 0;  ///< how many; of short ones estimated
};

/// How the process ended inside a stall.
struct StallDeath {
  std::string signal;   ///< "SIGKILL"; empty when it exited
  int status = 0;       ///< with which it exited
  stacks::Stack stack;  ///< where its loop was last seen
};

/// A turn at or above the stall threshold: the version-1 record of docs/stall-record.md.
struct StallRecord {
  std::string id;     ///< short, URL-safe, unique within the agent's life
  std::string phase;  ///< "serving" or "startup"
  uint64_t start_wall_ns = 0;
  uint64_t start_monotonic_ns = 0;
  uint64_t duration_ns = 0;
  bool at_least = false;  ///< it began before the agent saw the loop
  uint32_t pid = 0;
  uint32_t tid = 0;
  loops::LoopLabels labels;
  Cause cause = Cause::other;  ///< dominant
  ByCause cause_ns{};
  std::vector<StallSyscall> syscalls;
  Coroutines coroutines;
  uint64_t delayed_events = 0;
  uint64_t harm_ns = 0;             ///< estimated: what those waited in all
  std::vector<StallHold> holds;     ///< longest first
  std::optional<StallDeath> death;  ///< its process ended inside it
};

/// The NDJSON line, without the newline. Hostile names are escaped by the JSON writer.
std::string to_json(const StallRecord& record);

}  // namespace loopstall::stalls
