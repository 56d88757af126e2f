// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "stacks/raw_stack.h"
#include "stalls/cause.h"

namespace loopstall::probes {

/// What every event says about its thread. A slot is used again: only with its generation does it
/// name a loop.
struct EventOrigin {
  uint32_t slot = 0;
  uint32_t generation = 0;
  uint32_t pid = 0;
  uint32_t tid = 0;
  uint64_t time_ns = 0;
  uint64_t turn_number = 0;
};

/// A thread of a process not yet described waits on an epoll instance.
struct Announced {};

/// A thread of a described process waits on an epoll instance not yet judged.
struct Candidate {
  uint64_t question = 0;  ///< its number; a later one of the same thread voids it; 0: none, waits
                          ///< with its signature are what it asks about
  int32_t fd = -1;
  uint32_t max_events = 0;
  stacks::RawStack stack;
  uint64_t signature = 0;  ///< of the stack that waits; 0: not known
  bool polls = false;      ///< it waits in poll or select
};

/// An off-CPU span inside a turn ended; see stalls::BlockSample.
struct BlockEnded {
  uint64_t start_ns = 0;
  uint64_t blocked_ns = 0;
  uint64_t runqueue_ns = 0;
  uint64_t weight_ns = 0;
  stalls::Cause cause = stalls::Cause::other;
  std::string_view syscall;
  std::string_view fd_kind;
  stacks::RawStack stack;
  uint64_t coroutine = 0;  ///< see stalls::BlockSample
  uint64_t throttled_ns = 0;
  std::string task;  ///< see stalls::BlockSample
};

/// The stack of the GIL's holder, for the BlockEnded of the same thread that follows.
struct HolderSeen {
  stacks::RawStack stack;
};

struct Ticked {
  std::string_view syscall;
  stacks::RawStack stack;
  uint64_t coroutine = 0;
  std::string task;
};

struct TurnEnded {
  uint64_t start_ns = 0;
  stalls::ByCause cause_ns{};
  bool serving = false;
  bool at_least = false;
  bool is_long = false;  ///< at or above the stall threshold: a stall, unless in startup
  stalls::Cause dominant = stalls::Cause::cpu;
};

/// Descriptors found ready by the home wait that ended a stall.
struct EventsDelayed {
  uint64_t count = 0;
};

struct LoopEnded {
  uint64_t turn_start_ns = 0;  ///< 0 when it ended idle
  stalls::ByCause cause_ns{};
  /// Of the turn that its thread's end cut off; nothing when it ended otherwise.
  struct LastTurn {
    bool serving = false;
    bool at_least = false;
    bool is_long = false;  ///< at or above the stall threshold
    stalls::Cause dominant = stalls::Cause::cpu;
    uint32_t exit_code = 0;  ///< as wait(2) gives it: the signal, or the status << 8
  };
  std::optional<LastTurn> last_turn;
};

/// A loop began whose wait is like one that was judged before: in the slot that its thread had, or
/// in a spare one.
struct LoopBegan {
  uint32_t runtime = 0;  ///< as it was remembered
  bool polls = false;    ///< it waits in poll or select
};

/// What was asked about is over, and no answer was fetched: its whole account, should it have been
/// a loop.
struct LoopUnheard {
  uint64_t question = 0;
  uint64_t idle_ns = 0;
  uint64_t startup_ns = 0;
  stalls::ByCause busy_ns{};
};

struct ProcessExited {};
struct ProcessExeced {};

struct Event {
  EventOrigin origin;
  std::variant<Announced, Candidate, BlockEnded, HolderSeen, Ticked, TurnEnded, EventsDelayed,
               LoopEnded, LoopBegan, ProcessExited, ProcessExeced, LoopUnheard>
      what;
};

}  // namespace loopstall::probes
