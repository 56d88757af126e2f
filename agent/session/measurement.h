// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "config/config.h"
#include "probes/probes.h"
#include "session/canary_book.h"
#include "session/loop.h"
#include "session/outside.h"
#include "session/resolver.h"
#include "session/stack_cache.h"
#include "stalls/budget_state.h"
#include "stalls/service_table.h"
#include "stalls/snapshot.h"

namespace loopstall::session {

/// The domain's state and what each event does to it. Owned by the session's thread.
class Measurement {
 public:
  /// Both must outlive it.
  Measurement(const config::Config& config, Outside& outside);

  void handle(const probes::Event& event);
  void handle(ResolverResult&& result);
  /// Claims, finished turns and stall records that have become complete.
  void advance();
  /// Reads all accounts and drops loops that are over. Call it a few times a second.
  void read_accounts();
  stalls::Snapshot snapshot() const;
  /// Of every service; without any unless the configuration keeps stacks.
  std::vector<stalls::ServiceStackTimes> stack_times() const;
  /// Whether a process or a wait waits to be judged: each millisecond until then is unmeasured.
  bool is_discovering() const { return inspections_ > 0 || !questions_.empty(); }
  /// Forgets processes whose end was lost with a full ring. Call it once a minute.
  void sweep_processes();
  /// Measures the agent's own loop too, of which only its health is shown.
  void watch_canary();
  /// What is measured from here on, and what it costs.
  void follow(const stalls::BudgetState& budget);
  /// Loops that are measured and live.
  uint64_t live_loops() const;
  /// Compares each loop's account with the scheduler's book. Call it once a minute.
  void audit();

 private:
  enum class ProcessState : uint8_t { asked, measured, ignored, refused };
  struct Process {
    ProcessState state = ProcessState::asked;
    std::string refusal;              // its token
    int looks = 0;                    // before this one
    bool is_looked_at_again = false;  // because it has no loop; not answered yet
    bool has_sought_tasks = false;    // since it asked about a wait: asyncio is imported by then
    TargetPtr target;
  };
  struct Young {  // a program that was just started
    uint64_t look_ns = 0;
    int looks = 0;
  };
  struct UnheardEnd {
    uint64_t time_ns = 0;
    probes::LoopUnheard account;
  };
  struct Question {  // a wait that waits for the names of its stack
    probes::EventOrigin origin;
    probes::Candidate candidate;
    SeenStackPtr seen;
    std::optional<UnheardEnd> over;  // the loop has ended meanwhile, if it was one

    probes::WaitIdentity wait() const { return {origin.pid, origin.tid, candidate.question}; }
  };

  void on(const probes::EventOrigin& origin, const probes::Announced&);
  void on(const probes::EventOrigin& origin, const probes::Candidate& candidate);
  void on(const probes::EventOrigin& origin, const probes::BlockEnded& block);
  void on(const probes::EventOrigin& origin, const probes::HolderSeen& holder);
  void on(const probes::EventOrigin& origin, const probes::Ticked& tick);
  void on(const probes::EventOrigin& origin, const probes::TurnEnded& ended);
  void on(const probes::EventOrigin& origin, const probes::EventsDelayed& delayed);
  void on(const probes::EventOrigin& origin, const probes::LoopEnded& ended);
  void on(const probes::EventOrigin& origin, const probes::LoopBegan& began);
  void on(const probes::EventOrigin& origin, const probes::LoopUnheard& unheard);
  void on(const probes::EventOrigin& origin, const probes::ProcessExited&);
  void on(const probes::EventOrigin& origin, const probes::ProcessExeced&);
  void on(Inspected&& inspected);
  void learn(const Inspected& inspected);
  void refuse(const Inspected& inspected, const std::string& reason, bool is_other);
  void drop_if_replaced(const Inspected& inspected);
  void on(Resolved&& resolved);
  void on(Scanned&&);
  void on(PoolCounted&& counted);

  bool is_wanted(uint32_t pid);
  bool lacks_loop(uint32_t pid) const;
  void drop_process(uint32_t pid);
  void bury_process(uint32_t pid);
  void forget_names(uint32_t pid);
  void look_at_young();
  void stop_watching_polls();
  void judge_known_waits();
  void judge(const Question& question);
  /// Null when all slots are taken.
  Loop* open_loop(const probes::WaitIdentity& wait, const TargetPtr& target,
                  loops::RuntimeKind kind);
  Loop* open_loop_in(uint32_t slot, const probes::WaitIdentity& wait, const TargetPtr& target,
                     loops::RuntimeKind kind);
  void offer_slots();
  void drop_unanswered(const probes::WaitIdentity& wait);
  void finish_unheard(Loop& loop, const UnheardEnd& end);
  Loop* find(const probes::EventOrigin& origin);
  Loop* find(const probes::WaitIdentity& wait);
  void seed(const std::vector<SightedLoop>& sighted);
  void finish(Loop& loop, const FinishedTurn& finished);
  void record_stall(const Loop& loop, const FinishedTurn& finished, const stalls::Turn& turn,
                    const std::vector<stalls::Hold>& holds);
  void look_into_turns(uint64_t now_ns);
  void count_pools(uint64_t now_ns);
  bool has_live_loop(uint32_t pid) const;
  std::optional<double> audit(Loop& loop);
  void take_canary_holds();
  void update_loops(uint64_t now_ns);
  void settle_canary(uint64_t now_ns);
  bool is_stillborn(const Loop& loop, uint64_t now_ns) const;
  void give_answers(uint64_t now_ns);
  void name_wait(Loop& loop, const SightedLoop& sight);
  void release(uint32_t slot);
  std::vector<stalls::TargetCount> count_targets() const;
  stalls::LoopState state_of(const Loop& loop) const;
  stalls::AgentHealth health() const;

  const config::Config& config_;
  Outside& outside_;
  const std::shared_ptr<const stalls::OwnAdvice> own_advice_;
  StackCache stacks_;
  stalls::ServiceTable services_;
  std::map<uint32_t, Process> processes_;
  std::vector<Question> questions_;
  std::map<uint32_t, Young> young_;
  std::unordered_map<uint32_t, std::unique_ptr<Loop>> loops_;  // by slot
  std::vector<uint32_t> free_slots_;
  std::vector<uint32_t> generations_;    // of each slot
  const uint64_t wall_offset_ns_;        // see stalls::Snapshot
  std::map<uint32_t, uint32_t> spares_;  // slots given away for loops to come, with generations
  std::deque<std::shared_ptr<const stalls::StallRecord>> records_;        // newest first
  std::map<std::pair<std::string, std::string>, uint64_t> frame_errors_;  // runtime, reason
  uint64_t polls_seen_ns_ = 0;  // when a loop that waits in poll or select was last known
  std::optional<uint32_t> canary_slot_;
  CanaryBook canary_book_;
  std::optional<double> account_error_ratio_;
  stalls::BudgetState budget_;
  bool was_turns_only_ = false;  // at some time since the last audit
  uint64_t slots_exhausted_ = 0;
  uint64_t torn_readings_ = 0;
  uint64_t dropped_ = 0;
  uint64_t resolver_timeouts_ = 0;
  uint64_t first_record_;
  uint64_t record_count_ = 0;
  uint64_t inspections_ = 0;                       // requests to the resolver without an answer yet
  std::map<uint32_t, stalls::PoolThreads> pools_;  // by process, as last counted
  uint64_t pools_asked_ = 0;                       // requests without an answer yet
  uint64_t pools_counted_ns_ = 0;
  uint64_t looked_ns_ = 0;  // when it last looked where long turns are
  bool scanned_ = false;
};

}  // namespace loopstall::session
