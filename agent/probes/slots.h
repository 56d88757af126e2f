// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "probes/event.h"
#include "stacks/raw_stack.h"
#include "stalls/loop_account.h"

struct ls_slot;
struct ls_stack_event;

namespace loopstall::probes {

/// An off-CPU span inside a turn that has not ended.
struct OpenSpan {
  uint64_t since_ns = 0;  ///< its identity within the loop; the account's accounted_ns
  uint64_t turn_number = 0;
  stalls::Cause cause = stalls::Cause::other;
  stacks::RawStack stack;
};

/// The accounts in the kernel, mapped. Reading takes no system call. One thread changes them; any
/// may read.
class Slots {
 public:
  /// Maps both arrays; `slots_fd` and `stacks_fd` are BPF array maps of `count` entries.
  static base::Result<Slots> map(int slots_fd, int stacks_fd, uint32_t count);

  Slots(Slots&& other) noexcept;
  Slots& operator=(Slots&&) = delete;
  ~Slots();

  uint32_t count() const { return count_; }

  /// A consistent reading; nothing when the writer did not pause within the bound of tries.
  std::optional<stalls::LoopAccount> read(uint32_t slot) const;
  /// Where the loop's thread left the CPU, while it is off it, in a turn that began before
  /// `begun_before_ns`; nothing for the span of `known_since_ns`.
  std::optional<OpenSpan> open_span(uint32_t slot, uint32_t generation, uint64_t begun_before_ns,
                                    uint64_t known_since_ns) const;
  /// Makes a free slot the account of a new loop, idle since `since_ns`, before its verdict is
  /// published; nobody writes to it then.
  void prepare(uint32_t slot, uint32_t generation, uint64_t since_ns);
  /// The same for a loop that was inside a turn when it was first seen.
  void prepare_in_turn(uint32_t slot, uint32_t generation, uint64_t since_ns, stalls::Cause cause);
  /// Ends the account of a loop whose thread never fetched its verdict, and never will.
  void finish(uint32_t slot, uint64_t end_ns, const LoopUnheard& unheard);
  void release(uint32_t slot);
  /// Takes the slot of a loop that has ended back from its thread; false when the thread has begun
  /// its next loop in it.
  bool retire(uint32_t slot);

 private:
  Slots(std::byte* slots, std::byte* stacks, uint32_t count)
      : slots_(slots), stacks_(stacks), count_(count) {}

  ls_slot* slot_at(uint32_t slot) const;

  std::byte* slots_ = nullptr;
  std::byte* stacks_ = nullptr;
  uint32_t count_ = 0;
};

}  // namespace loopstall::probes
