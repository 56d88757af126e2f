// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "loops/labels.h"
#include "probes/event.h"
#include "probes/probes.h"
#include "session/stack_cache.h"
#include "session/target.h"
#include "stalls/account_audit.h"
#include "stalls/loop_account.h"
#include "stalls/service_table.h"
#include "stalls/turn.h"

namespace loopstall::session {

/// One off-CPU span or tick whose stack may still be without names.
struct Sample {
  stalls::BlockSample block;  ///< for a tick only `syscall`, `cause`, `coroutine` and `task`
  bool is_tick = false;
  SeenStackPtr seen;
};

/// A turn that has ended and waits for the names of its stacks, and a stall for its delayed events.
struct FinishedTurn {
  uint64_t number = 0;
  uint64_t end_ns = 0;
  probes::TurnEnded ended;
  std::vector<Sample> samples;
  std::optional<uint64_t> delayed_events;
  std::optional<uint32_t> exit_code;  ///< the end of its process cut it off
};

/// A thread fetches the answer to its question when it next moves; one that does not is given it,
/// and if it hangs is looked at.
enum class AnswerState : uint8_t { waiting, given, looked_at };

/// A loop under measurement: its account, and the samples of its turns on their way to names.
class Loop {
 public:
  Loop(probes::WaitIdentity wait, uint32_t slot, uint32_t generation, TargetPtr target,
       loops::LoopLabels labels, stalls::Service& service);

  const probes::WaitIdentity& wait() const { return wait_; }
  uint32_t slot() const { return slot_; }
  uint32_t generation() const { return generation_; }
  uint32_t pid() const { return wait_.pid; }
  uint32_t tid() const { return wait_.tid; }
  const loops::LoopLabels& labels() const { return labels_; }
  const Target& target() const { return *target_; }
  stalls::LoopLedger& ledger() { return ledger_; }
  const stalls::LoopLedger& ledger() const { return ledger_; }
  const stalls::LoopAccount& account() const { return account_; }
  stalls::AccountAudit& audit() { return audit_; }

  void add_block(const probes::EventOrigin& origin, probes::BlockEnded&& block, SeenStackPtr seen);
  void add_tick(const probes::EventOrigin& origin, const probes::Ticked& tick, SeenStackPtr seen);
  void set_holder(SeenStackPtr holder) { holder_ = std::move(holder); }
  SeenStackPtr take_holder() { return std::exchange(holder_, nullptr); }
  void finish_turn(const probes::EventOrigin& origin, const probes::TurnEnded& ended);
  /// Its process ended inside a turn; one that was not long is no turn.
  void finish_last_turn(const probes::EventOrigin& origin, const probes::LoopEnded& ended);
  void set_delayed(uint64_t turn_number, uint64_t count);

  /// Claims busy time for the samples whose stacks are known by now, in their order.
  void claim_known(uint64_t tick_period_ns);
  /// The next finished turn whose stacks are all known, and, for a stall, its delayed events or
  /// that they will not come.
  std::optional<FinishedTurn> take_finished(uint64_t now_ns);
  /// Samples and turns that found no room since the last call.
  uint64_t take_dropped() { return std::exchange(dropped_, 0); }
  bool has_unfinished_work() const { return !finished_.empty() || !unclaimed_.empty(); }

  /// `account` was just read.
  void update(stalls::LoopAccount account, uint64_t now_ns);

  /// Where it was last seen in that turn, by what has names already; null when it was not.
  SeenStackPtr known_in_turn(uint64_t turn_number) const;
  void see_in_turn(uint64_t turn_number, SeenStackPtr seen);
  /// It was last seen at `waiter` when it waited for the GIL; `holder` is null when unknown.
  void see_gil_wait(uint64_t turn_number, SeenStackPtr waiter, SeenStackPtr holder);
  /// Where the GIL was held when it was last seen; null unless it waited for that.
  const SeenStackPtr& gil_holder() const { return gil_holder_; }
  /// It was found at `at_ns` inside a turn, its account's first, and there.
  void sight(SeenStackPtr seen, uint64_t at_ns);
  /// It was found there in a wait of which the kernel has no stack.
  void sight_wait(SeenStackPtr seen, uint64_t turn_number, uint64_t since_ns);
  /// Where it was seen in a wait that began at `since_ns`, when it was found in that: the kernel
  /// has no stack of it, but it was looked at. Null else, and where it moved on between that look
  /// and the beginning of its account, whose first wait is later then: another wait's stack would
  /// be a wrong name.
  SeenStackPtr sighted_in(uint64_t since_ns) const {
    return sighted_since_ns_ <= since_ns && since_ns <= sighted_ns_ ? sighted_ : nullptr;
  }
  /// Where it left the CPU at `since_ns`; not for a wait on the GIL, which is another thread's.
  void see_open_span(uint64_t since_ns, SeenStackPtr seen);
  uint64_t open_span_since_ns() const { return open_span_since_ns_; }

  /// How far its thread is with the answer that it is a loop's.
  AnswerState answer() const { return answer_; }
  void set_answer(AnswerState state) { answer_ = state; }

  void mark_ended(uint64_t now_ns) {
    if (ended_ns_ == 0) ended_ns_ = now_ns;
  }
  /// Whether it waits in poll or select.
  bool polls() const { return polls_; }
  void set_polls(bool polls) { polls_ = polls; }

  /// Its thread goes on with another loop in the same slot.
  void revive() { ended_ns_ = 0; }
  bool has_ended() const { return ended_ns_ != 0; }
  uint64_t ended_ns() const { return ended_ns_; }

 private:
  void add(const probes::EventOrigin& origin, Sample&& sample);
  bool continues_gil_wait(const probes::EventOrigin& origin, const probes::BlockEnded& block);

  struct GilSlice {
    uint64_t turn_number = 0;
    uint64_t end_ns = 0;
    stacks::RawFrame leaf;
  };

  probes::WaitIdentity wait_;
  uint32_t slot_;
  uint32_t generation_;
  TargetPtr target_;
  loops::LoopLabels labels_;
  stalls::LoopLedger ledger_;
  stalls::LoopAccount account_;
  stalls::AccountAudit audit_;
  std::map<uint64_t, std::vector<Sample>> open_turns_;  // by turn number
  std::deque<Sample> unclaimed_;
  std::deque<FinishedTurn> finished_;
  SeenStackPtr holder_;
  GilSlice last_slice_;
  SeenStackPtr sighted_;
  uint64_t sighted_since_ns_ = 0;
  uint64_t sighted_ns_ = 0;
  AnswerState answer_ = AnswerState::waiting;
  SeenStackPtr seen_in_turn_;
  SeenStackPtr known_before_;  // in the same turn, while the newest has no names yet
  SeenStackPtr gil_holder_;
  uint64_t seen_turn_number_ = 0;
  SeenStackPtr seen_in_span_;
  uint64_t open_span_since_ns_ = 0;
  uint64_t ended_ns_ = 0;
  uint64_t dropped_ = 0;
  bool polls_ = false;
};

/// The turn with the names of its samples.
stalls::Turn named_turn(const FinishedTurn& finished);

}  // namespace loopstall::session
