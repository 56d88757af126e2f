// SPDX-License-Identifier: Apache-2.0
#include "probes/slots.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "probes/decode.h"
#include "wire/wire.h"

namespace loopstall::probes {
namespace {

// A writer is inside a slot for about a microsecond; a reading takes 0.1. But the writer may lose
// its CPU there, to a hypervisor or (where hooks can be preempted) to another thread: then it is
// waited for, some 30 ms at most, as otherwise the loop's account would lag behind by a whole
// period.
constexpr int kTriesBeforeYield = 50;
constexpr int kTriesBeforeSleep = 100;
constexpr int kTries = 300;
constexpr std::chrono::microseconds kSleep(100);

std::size_t mapped_bytes(uint32_t count, std::size_t value_size) {
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t bytes = count * ((value_size + 7) / 8 * 8);
  return (bytes + page - 1) / page * page;
}

std::byte* map_array(int fd, uint32_t count, std::size_t value_size) {
  void* address =
      mmap(nullptr, mapped_bytes(count, value_size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return address == MAP_FAILED ? nullptr : static_cast<std::byte*>(address);
}

/// Runs `copy` until the sequence number was even and the same before and after.
template <typename Copy>
bool read_consistently(const __u64& seq, Copy copy) {
  std::atomic_ref<const __u64> sequence(seq);
  for (int i = 0; i < kTries; ++i) {
    if (i > kTriesBeforeSleep) {
      std::this_thread::sleep_for(kSleep);
    } else if (i > kTriesBeforeYield) {
      std::this_thread::yield();
    }
    const __u64 before = sequence.load(std::memory_order_acquire);
    if ((before & 1) != 0) continue;
    copy();
    std::atomic_thread_fence(std::memory_order_acquire);
    if (sequence.load(std::memory_order_relaxed) == before) return true;
  }
  return false;
}

}  // namespace

base::Result<Slots> Slots::map(int slots_fd, int stacks_fd, uint32_t count) {
  std::byte* slots = map_array(slots_fd, count, sizeof(ls_slot));
  std::byte* stacks = map_array(stacks_fd, count, sizeof(ls_stack_event));
  if (slots == nullptr || stacks == nullptr) {
    return base::fail(base::ErrorKind::environment, "cannot map the accounts of the loops: {}",
                      std::strerror(errno));
  }
  return Slots(slots, stacks, count);
}

Slots::Slots(Slots&& other) noexcept
    : slots_(std::exchange(other.slots_, nullptr)),
      stacks_(std::exchange(other.stacks_, nullptr)),
      count_(other.count_) {}

Slots::~Slots() {
  if (slots_ != nullptr) munmap(slots_, mapped_bytes(count_, sizeof(ls_slot)));
  if (stacks_ != nullptr) munmap(stacks_, mapped_bytes(count_, sizeof(ls_stack_event)));
}

ls_slot* Slots::slot_at(uint32_t slot) const { return reinterpret_cast<ls_slot*>(slots_) + slot; }

std::optional<stalls::LoopAccount> Slots::read(uint32_t slot) const {
  if (slot >= count_) return std::nullopt;
  ls_slot copy;
  const ls_slot* source = slot_at(slot);
  const bool whole =
      read_consistently(source->seq, [&] { std::memcpy(&copy, source, sizeof copy); });
  if (!whole) return std::nullopt;
  return decode_slot(copy);
}

std::optional<OpenSpan> Slots::open_span(uint32_t slot, uint32_t generation,
                                         uint64_t begun_before_ns, uint64_t known_since_ns) const {
  if (slot >= count_) return std::nullopt;
  const auto* source = reinterpret_cast<const ls_stack_event*>(stacks_) + slot;
  const ls_slot* account = slot_at(slot);
  OpenSpan span;
  ls_stack_event copy;
  uint32_t cause = 0;
  bool is_open = false;
  const bool whole = read_consistently(account->seq, [&] {
    is_open = account->state == LS_SLOT_OFF_CPU && account->generation == generation &&
              account->turn_start_ns < begun_before_ns && account->accounted_ns != known_since_ns &&
              source->header.turn_number == account->turn_number;
    if (!is_open) return;
    span.since_ns = account->accounted_ns;
    span.turn_number = account->turn_number;
    cause = account->current_cause;
    std::memcpy(&copy, source, sizeof copy);
  });
  if (!whole || !is_open) return std::nullopt;
  span.cause = to_cause(cause);
  span.stack = decode_stack(copy);
  return span;
}

void Slots::prepare(uint32_t slot, uint32_t generation, uint64_t since_ns) {
  ls_slot fresh{};
  fresh.generation = generation;
  fresh.state = LS_SLOT_IDLE;
  fresh.birth_ns = since_ns;
  fresh.accounted_ns = since_ns;
  std::memcpy(slot_at(slot), &fresh, sizeof fresh);
}

void Slots::prepare_in_turn(uint32_t slot, uint32_t generation, uint64_t since_ns,
                            stalls::Cause cause) {
  prepare(slot, generation, since_ns);
  ls_slot* account = slot_at(slot);
  account->state = cause == stalls::Cause::cpu ? LS_SLOT_RUNNING : LS_SLOT_OFF_CPU;
  account->current_cause = static_cast<uint32_t>(cause);
  account->turn_start_ns = since_ns;
  account->turn_number = 1;
  account->turn_flags = LS_TURN_AT_LEAST;
}

void Slots::finish(uint32_t slot, uint64_t end_ns, const LoopUnheard& unheard) {
  ls_slot* account = slot_at(slot);
  account->idle_ns = unheard.idle_ns;
  account->startup_ns = unheard.startup_ns;
  std::copy(unheard.busy_ns.begin(), unheard.busy_ns.end(), account->busy_ns);
  account->accounted_ns = end_ns;
  account->turn_start_ns = 0;
  account->state = LS_SLOT_ENDED;
}

bool Slots::retire(uint32_t slot) {
  __u32 expected = LS_SLOT_ENDED;
  return std::atomic_ref<__u32>(slot_at(slot)->state)
      .compare_exchange_strong(expected, LS_SLOT_FREE);
}

void Slots::release(uint32_t slot) {
  const ls_slot free{};
  std::memcpy(slot_at(slot), &free, sizeof free);
}

}  // namespace loopstall::probes
