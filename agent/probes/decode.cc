// SPDX-License-Identifier: Apache-2.0
#include "probes/decode.h"

#include <algorithm>
#include <cstring>

#include "probes/syscalls.h"
#include "stacks/task_name.h"
#include "wire/wire.h"

namespace loopstall::probes {
namespace {

using stalls::Cause;

static_assert(stalls::kCauseCount == LS_CAUSES);
static_assert(static_cast<int>(Cause::network) == LS_NETWORK);
static_assert(static_cast<int>(Cause::gil) == LS_GIL);
static_assert(static_cast<int>(Cause::other) == LS_OTHER);
static_assert(stalls::kBucketCount == LS_BUCKETS);

stalls::ByCause to_by_cause(const __u64 (&values)[LS_CAUSES]) {
  stalls::ByCause by_cause{};
  std::copy(std::begin(values), std::end(values), by_cause.begin());
  return by_cause;
}

EventOrigin decode_origin(const ls_event_header& header) {
  return {header.slot, header.generation, header.tgid,
          header.tid,  header.time_ns,    header.turn_number};
}

/// The record as a T, if it is long enough; the ring buffer's memory is not aligned for all of it.
template <typename T>
std::optional<T> view(std::span<const std::byte> record) {
  if (record.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, record.data(), sizeof(T));
  return value;
}

std::optional<ls_stack_event> view_stack(std::span<const std::byte> record) {
  constexpr std::size_t kHead = offsetof(ls_stack_event, frames);
  if (record.size() < kHead) return std::nullopt;
  ls_stack_event event;
  std::memcpy(&event, record.data(), std::min(record.size(), sizeof event));
  const std::size_t held = (std::min(record.size(), sizeof event) - kHead) / sizeof(ls_frame);
  if (event.frame_count > held) {
    event.frame_count = static_cast<uint32_t>(held);
    event.walk_error = LS_WALK_TRUNCATED;
  }
  return event;
}

std::string task_of(const ls_stack_event& event) {
  if (event.coroutine == 0) return {};
  switch (event.task_kind) {
    case LS_TASK_TEXT:
      return stacks::task_name_of_text(std::as_bytes(std::span(event.task_name)));
    case LS_TASK_NUMBER:
      return stacks::task_name_of_number(std::as_bytes(std::span(event.task_name)));
    default:
      return {};
  }
}

std::optional<decltype(Event::what)> decode_stack_record(std::span<const std::byte> record) {
  const auto event = view_stack(record);
  if (!event) return std::nullopt;
  switch (event->header.type) {
    case LS_EVENT_CANDIDATE:
      return Candidate{event->start_ns,      event->fd,        event->max_events,
                       decode_stack(*event), event->signature, event->wait_kind != LS_WAIT_EPOLL};
    case LS_EVENT_BLOCK:
      return BlockEnded{event->start_ns,
                        event->blocked_ns,
                        event->runqueue_ns,
                        event->weight_ns,
                        to_cause(event->cause),
                        syscall_name(event->syscall),
                        fd_kind_name(event->fd_kind),
                        decode_stack(*event),
                        event->coroutine,
                        event->throttled_ns,
                        task_of(*event)};
    case LS_EVENT_HOLDER:
      return HolderSeen{decode_stack(*event)};
    case LS_EVENT_TICK:
      return Ticked{syscall_name(event->syscall), decode_stack(*event), event->coroutine,
                    task_of(*event)};
    default:
      return std::nullopt;
  }
}

std::optional<decltype(Event::what)> decode_turn_end(std::span<const std::byte> record) {
  const auto event = view<ls_turn_event>(record);
  if (!event) return std::nullopt;
  return TurnEnded{event->start_ns,
                   to_by_cause(event->cause_ns),
                   event->phase == LS_SERVING,
                   (event->flags & LS_TURN_AT_LEAST) != 0,
                   event->is_long != 0,
                   to_cause(event->dominant_cause)};
}

std::optional<decltype(Event::what)> decode_loop_end(std::span<const std::byte> record) {
  const auto event = view<ls_loop_end_event>(record);
  if (!event) return std::nullopt;
  LoopEnded ended{event->turn_start_ns, to_by_cause(event->cause_ns), std::nullopt};
  if (event->reason == LS_END_EXIT && event->turn_start_ns != 0) {
    ended.last_turn = {event->phase == LS_SERVING, (event->flags & LS_TURN_AT_LEAST) != 0,
                       event->is_long != 0, to_cause(event->dominant_cause), event->exit_code};
  }
  return ended;
}

std::optional<decltype(Event::what)> decode_what(uint32_t type, std::span<const std::byte> record) {
  switch (type) {
    case LS_EVENT_ANNOUNCE:
      return Announced{};
    case LS_EVENT_TURN_END:
      return decode_turn_end(record);
    case LS_EVENT_DELAYED: {
      const auto event = view<ls_delayed_event>(record);
      if (!event) return std::nullopt;
      return EventsDelayed{event->count};
    }
    case LS_EVENT_LOOP_END:
      return decode_loop_end(record);
    case LS_EVENT_LOOP_BEGIN: {
      const auto event = view<ls_loop_begin_event>(record);
      if (!event) return std::nullopt;
      return LoopBegan{event->runtime, event->wait_kind != LS_WAIT_EPOLL};
    }
    case LS_EVENT_UNHEARD: {
      const auto event = view<ls_unheard_event>(record);
      if (!event) return std::nullopt;
      return LoopUnheard{event->question, event->idle_ns, event->startup_ns,
                         to_by_cause(event->busy_ns)};
    }
    case LS_EVENT_PROCESS_EXIT:
      return ProcessExited{};
    case LS_EVENT_PROCESS_EXEC:
      return ProcessExeced{};
    default:
      return decode_stack_record(record);
  }
}

stalls::LoopActivity to_activity(uint32_t state) {
  switch (state) {
    case LS_SLOT_IDLE:
      return stalls::LoopActivity::idle;
    case LS_SLOT_RUNNING:
      return stalls::LoopActivity::running;
    case LS_SLOT_OFF_CPU:
      return stalls::LoopActivity::off_cpu;
    case LS_SLOT_ENDED:
      return stalls::LoopActivity::ended;
    default:
      return stalls::LoopActivity::unborn;
  }
}

}  // namespace

Cause to_cause(uint32_t cause) {
  return cause < LS_CAUSES ? static_cast<Cause>(cause) : Cause::other;
}

std::optional<Event> decode_event(std::span<const std::byte> record) {
  const auto header = view<ls_event_header>(record);
  if (!header) return std::nullopt;
  auto what = decode_what(header->type, record);
  if (!what) return std::nullopt;
  return Event{decode_origin(*header), std::move(*what)};
}

stacks::RawStack decode_stack(const ls_stack_event& event) {
  stacks::RawStack stack;
  const uint32_t count = std::min<uint32_t>(event.frame_count, LS_MAX_FRAMES);
  stack.frames.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const ls_frame& frame = event.frames[i];
    if (frame.code != 0) stack.frames.push_back({frame.code, frame.instruction, frame.check});
  }
  stack.in_gc = (event.flags & LS_STACK_IN_GC) != 0;
  stack.truncated = event.walk_error == LS_WALK_TRUNCATED || event.walk_error == LS_WALK_TOO_DEEP;
  return stack;
}

stalls::LoopAccount decode_slot(const ls_slot& slot) {
  stalls::LoopAccount account;
  account.activity = to_activity(slot.state);
  account.generation = slot.generation;
  account.birth_ns = slot.birth_ns;
  account.accounted_ns = slot.accounted_ns;
  account.switched_in_ns = slot.switched_in_ns;
  account.current_cause = to_cause(slot.current_cause);
  account.turn_start_ns = slot.turn_start_ns;
  account.turn_number = slot.turn_number;
  account.serving = slot.phase == LS_SERVING;
  account.turn_at_least = (slot.turn_flags & LS_TURN_AT_LEAST) != 0;
  account.busy_ns = to_by_cause(slot.busy_ns);
  account.idle_ns = slot.idle_ns;
  account.startup_ns = slot.startup_ns;
  for (std::size_t i = 0; i < stalls::kBucketCount; ++i) {
    account.turns.buckets[i] = slot.turn_buckets[i].count;
    account.turns.sum_ns += slot.turn_buckets[i].ns;
    account.turn_time_ns[i] = slot.turn_buckets[i].ns;
  }
  std::copy(std::begin(slot.timer_lag_buckets), std::end(slot.timer_lag_buckets),
            account.timer_lag.buckets.begin());
  account.timer_lag.sum_ns = slot.timer_lag_sum_ns;
  account.stalls = to_by_cause(slot.stalls);
  account.stall_ns = to_by_cause(slot.stall_ns);
  account.ready_events = slot.ready_events;
  account.delayed_events = slot.delayed_events;
  uint64_t other_ns = slot.syscall_other_ns;
  for (const ls_syscall_time& entry : slot.syscalls) {
    if (entry.number_plus_one == 0 || entry.blocked_ns == 0) continue;
    const std::string_view name = syscall_name(entry.number_plus_one - 1);
    if (name.empty()) {
      other_ns += entry.blocked_ns;  // not of this architecture's own table: 32-bit callers
    } else {
      account.syscalls.push_back({name, entry.blocked_ns});
    }
  }
  if (other_ns != 0) account.syscalls.push_back({"~other", other_ns});
  return account;
}

}  // namespace loopstall::probes
