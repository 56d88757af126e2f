// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>

#include "session/stack_requests.h"
#include "stacks/raw_stack.h"
#include "stalls/turn.h"

namespace loopstall::session {

/// A stack that was seen; `known` is set once the resolver has answered.
struct SeenStack {
  stalls::KnownStackPtr known;
  uint64_t asked_ns = 0;

  bool is_known() const { return known != nullptr; }
};
using SeenStackPtr = std::shared_ptr<const SeenStack>;

/// Asks for each distinct stack of a process once. Bounded per process and for the node: beyond
/// that, a process's stacks are forgotten and asked for anew. Used by one thread.
class StackCache {
 public:
  explicit StackCache(StackRequests& requests) : requests_(requests) {}

  /// Never null. A stack without frames is ~unknown at once.
  SeenStackPtr intern(uint32_t pid, stacks::RawStack&& raw, uint64_t now_ns);
  void answer(uint64_t stack_id, stalls::KnownStackPtr known);
  /// Stacks that have waited longer than the deadline become ~unknown, until their answer comes;
  /// returns how many.
  uint64_t expire(uint64_t now_ns);
  void forget(uint32_t pid);
  std::size_t size() const { return count_; }

 private:
  struct Hash {
    std::size_t operator()(const stacks::RawStack& stack) const;
  };
  using OfProcess = std::unordered_map<stacks::RawStack, std::shared_ptr<SeenStack>, Hash>;

  void clear(OfProcess& of_process);
  void make_room(OfProcess& of_process);

  using Waiting = std::map<uint64_t, std::shared_ptr<SeenStack>>;

  StackRequests& requests_;
  std::unordered_map<uint32_t, OfProcess> processes_;
  Waiting asked_;  // by id, which grows with time
  Waiting late_;   // past the deadline; no more than the resolver's requests
  uint64_t next_id_ = 1;
  std::size_t count_ = 0;  // of all processes
};

}  // namespace loopstall::session
