// SPDX-License-Identifier: Apache-2.0
#include "session/stack_cache.h"

#include <algorithm>
#include <utility>

namespace loopstall::session {
namespace {

constexpr std::size_t kMaxStacksPerProcess = 4'096;
// With their names, some 5 KB each.
constexpr std::size_t kMaxStacks = 16'384;
constexpr uint64_t kDeadlineNs = 3'000'000'000;

}  // namespace

std::size_t StackCache::Hash::operator()(const stacks::RawStack& stack) const {
  uint64_t hash = stack.truncated ? 0x9e3779b97f4a7c15u : 0;
  if (stack.in_gc) hash ^= 0xc2b2ae3d27d4eb4fu;
  for (const stacks::RawFrame& frame : stack.frames) {
    hash = (hash ^ frame.code ^ (uint64_t{static_cast<uint32_t>(frame.instruction)} << 40)) *
           0x9ddfea08eb382d69u;
    hash ^= hash >> 29;
  }
  return static_cast<std::size_t>(hash);
}

void StackCache::clear(OfProcess& of_process) {
  count_ -= of_process.size();
  of_process.clear();
}

/// What is in use is held by its users.
void StackCache::make_room(OfProcess& of_process) {
  if (of_process.size() >= kMaxStacksPerProcess) clear(of_process);
  if (count_ < kMaxStacks) return;
  const auto largest = std::max_element(
      processes_.begin(), processes_.end(),
      [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  clear(largest->second);
}

SeenStackPtr StackCache::intern(uint32_t pid, stacks::RawStack&& raw, uint64_t now_ns) {
  static const auto unknown = [] {
    auto seen = std::make_shared<SeenStack>();
    seen->known = stalls::reserved_stack(stacks::kUnknown);
    return seen;
  }();
  if (raw.frames.empty()) return unknown;
  OfProcess& of_process = processes_[pid];
  const auto found = of_process.find(raw);
  if (found != of_process.end()) return found->second;
  make_room(of_process);
  auto seen = std::make_shared<SeenStack>();
  seen->asked_ns = now_ns;
  const uint64_t id = next_id_++;
  if (requests_.resolve(pid, id, raw)) {
    asked_[id] = seen;
    of_process.emplace(std::move(raw), seen);
    ++count_;
  } else {
    seen->known = stalls::reserved_stack(stacks::kUnknown);
  }
  return seen;
}

void StackCache::answer(uint64_t stack_id, stalls::KnownStackPtr known) {
  for (Waiting* waiting : {&asked_, &late_}) {
    const auto found = waiting->find(stack_id);
    if (found == waiting->end()) continue;
    found->second->known = std::move(known);
    waiting->erase(found);
    return;
  }
}

uint64_t StackCache::expire(uint64_t now_ns) {
  uint64_t expired = 0;
  while (!asked_.empty() && now_ns - asked_.begin()->second->asked_ns > kDeadlineNs) {
    asked_.begin()->second->known = stalls::reserved_stack(stacks::kUnknown);
    late_.insert(asked_.extract(asked_.begin()));
    ++expired;
  }
  return expired;
}

void StackCache::forget(uint32_t pid) {
  const auto of_process = processes_.find(pid);
  if (of_process == processes_.end()) return;
  clear(of_process->second);
  processes_.erase(of_process);
}

}  // namespace loopstall::session
