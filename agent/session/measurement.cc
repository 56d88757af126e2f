// SPDX-License-Identifier: Apache-2.0
#include "session/measurement.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/proportion.h"
#include "session/frame_names.h"
#include "session/own_advice.h"
#include "session/stall_records.h"

namespace loopstall::session {
namespace {

// A Python process takes 10 ms and more until its first line, and longer until its loop.
constexpr uint64_t kFirstLookNs = 20'000'000;
constexpr int kLooks = 4;  // 20, 100, 420 and 1,700 ms after its start
constexpr std::size_t kMaxYoung = 256;
// A process that holds no loop is looked at again after 1 s, 2 s, … 64 s, if it has mapped code.
constexpr uint64_t kLookAgainNs = 1'000'000'000;
constexpr int kMaxLookDoublings = 6;
constexpr std::size_t kMaxRecords = 1'000;
// A loop that is over is kept until its last events and names have arrived.
constexpr uint64_t kLastEventsNs = 1'500'000'000;
// An answer that was not fetched for so long: its thread sleeps, and is given it.
constexpr uint64_t kFetchedNs = 250'000'000;
// And still nothing: the thread is gone.
constexpr uint64_t kUntouchedNs = 2'000'000'000;
// Loops that begin without a question, between two rounds of the session's thread.
constexpr std::size_t kSpareSlots = 64;
// How long poll and select stay hooked after the last loop that waits in them: a sweep must find
// its successor in the meantime.
constexpr uint64_t kPollsWantedNs = 150'000'000'000;
// The BPF side's LS_SIGNATURE_FRAMES.
constexpr std::size_t kSignatureFrames = 3;
// Turns in progress that are older than this are shown with where they are.
constexpr uint64_t kShowStackNs = 20'000'000;
constexpr uint64_t kLookNs = 40'000'000;
constexpr uint64_t kCountPoolsNs = 5'000'000'000;

stalls::FunctionLimits limits(const config::Config& config) {
  stalls::FunctionLimits limits;
  limits.functions = config.functions_per_container;
  return limits;
}

loops::EpollWait describe(const probes::Candidate& candidate, const stalls::KnownStack& known,
                          const Target& target) {
  loops::EpollWait wait;
  wait.stack = frame_names(known.stack);
  wait.max_events = candidate.max_events;
  wait.process_has_uvloop = target.python.uvloop;
  return wait;
}

/// Its names were read with it.
SeenStackPtr seen_at(const SightedLoop& sight) {
  auto seen = std::make_shared<SeenStack>();
  seen->known = sight.stack;
  return seen;
}

/// No hook of its thread has touched it, for so long.
bool is_untouched(const stalls::LoopAccount& account, uint64_t now_ns, uint64_t for_ns) {
  return account.activity == stalls::LoopActivity::idle &&
         account.accounted_ns == account.birth_ns && now_ns - account.birth_ns >= for_ns;
}

}  // namespace

Measurement::Measurement(const config::Config& config, Outside& outside)
    : config_(config),
      outside_(outside),
      own_advice_(std::make_shared<const stalls::OwnAdvice>(
          own_advice(config).value_or(stalls::OwnAdvice()))),
      stacks_(outside),
      services_(limits(config), config.max_function_series, config.keeps_stacks),
      generations_(outside.slot_count(), 0),
      wall_offset_ns_(outside.wall_ns() - outside.monotonic_ns()),
      first_record_(outside.first_record()) {
  // Not asked for again: a recording may give another answer.
  for (std::size_t slot = generations_.size(); slot > 0; --slot) {
    free_slots_.push_back(static_cast<uint32_t>(slot - 1));
  }
  offer_slots();
}

void Measurement::handle(const probes::Event& event) {
  std::visit([&](const auto& what) { on(event.origin, what); }, event.what);
}

void Measurement::handle(ResolverResult&& result) {
  std::visit([&](auto&& what) { on(std::move(what)); }, std::move(result));
}

// ---- processes --------------------------------------------------------------------------------

bool Measurement::is_wanted(uint32_t pid) {
  const std::vector<uint32_t>& pids = config_.pids;
  return pids.empty() || std::find(pids.begin(), pids.end(), pid) != pids.end() ||
         (config_.with_children && outside_.descends_from(pid, pids));
}

void Measurement::on(const probes::EventOrigin& origin, const probes::Announced&) {
  const auto known = processes_.find(origin.pid);
  if (known != processes_.end() && known->second.state == ProcessState::asked) return;
  if (!is_wanted(origin.pid)) {
    const auto start = outside_.start_of(origin.pid);
    if (start) outside_.ignore(origin.pid, *start, {});
    return;
  }
  Process process;
  if (known != processes_.end()) {
    process.looks = known->second.looks + 1;
    process.refusal = known->second.refusal;
  } else {
    // A number that is used again: nothing of the one before it may name what this one does.
    forget_names(origin.pid);
  }
  processes_[origin.pid] = std::move(process);
  ++inspections_;
  outside_.inspect(origin.pid);
}

void Measurement::on(Inspected&& inspected) {
  if (inspected.awaited) --inspections_;
  learn(inspected);
  // A thread that waits already, and perhaps for long, asks only at its next wait.
  seed(inspected.loops);
}

void Measurement::learn(const Inspected& inspected) {
  Process& process = processes_[inspected.pid];
  process.is_looked_at_again = false;
  if (inspected.target) {
    if (!outside_.describe((*inspected.target)->python)) {
      refuse(inspected, "too_many_layouts", false);
      return;
    }
    process.state = ProcessState::measured;
    process.target = *inspected.target;
    drop_if_replaced(inspected);
    return;
  }
  using Refusal = stacks::PythonRefusal;
  if (inspected.start_boot_ns == 0 || inspected.target.error() == Refusal::process_gone ||
      inspected.target.error() == Refusal::not_initialised) {
    processes_.erase(inspected.pid);  // it is announced again if it still lives
    outside_.forget_process(inspected.pid);
    return;
  }
  // It was looked at again: a momentary failure says nothing of what is known.
  if (process.state == ProcessState::measured &&
      process.target->python.start_boot_ns == inspected.start_boot_ns) {
    drop_if_replaced(inspected);
    return;
  }
  // Of a program that is just starting, no refusal is final: its memory does not hang together yet.
  if (young_.contains(inspected.pid)) {
    processes_.erase(inspected.pid);
    return;
  }
  const bool is_other = inspected.target.error() == Refusal::not_python;
  refuse(inspected, std::string(stacks::token(inspected.target.error())), is_other);
}

/// It may map an interpreter later. How soon to look again doubles, because compilers at run time
/// map code all the time.
void Measurement::refuse(const Inspected& inspected, const std::string& reason, bool is_other) {
  Process& process = processes_[inspected.pid];
  process.state = is_other ? ProcessState::ignored : ProcessState::refused;
  if (!is_other && process.refusal != reason) {
    ++frame_errors_[{"python", reason}];
    base::log_debug("pid {} is not measured: {}", inspected.pid, reason);
  }
  process.refusal = reason;
  static const auto page_bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const uint64_t delay_ns = kLookAgainNs << std::min(process.looks, kMaxLookDoublings);
  outside_.ignore(inspected.pid, inspected.start_boot_ns,
                  {inspected.code_bytes / page_bytes, outside_.monotonic_ns() + delay_ns});
  drop_if_replaced(inspected);
}

/// The hooks forget a process at its end or exec, but only one that they were told of: what ended
/// or was replaced while it was inspected must not stay.
void Measurement::drop_if_replaced(const Inspected& inspected) {
  const bool is_same = outside_.start_of(inspected.pid) == inspected.start_boot_ns &&
                       outside_.executable_of(inspected.pid) == inspected.exe;
  if (is_same) return;
  outside_.forget_process(inspected.pid);
  drop_process(inspected.pid);
  forget_names(inspected.pid);
}

void Measurement::drop_process(uint32_t pid) {
  processes_.erase(pid);
  std::erase_if(questions_, [&](const Question& question) { return question.origin.pid == pid; });
  for (auto& [slot, loop] : loops_) {
    if (loop->pid() == pid) loop->mark_ended(outside_.monotonic_ns());
  }
}

void Measurement::forget_names(uint32_t pid) {
  stacks_.forget(pid);
  outside_.forget_names(pid);
}

/// Its memory is gone, but what was read of it names the last stacks of its loops.
void Measurement::bury_process(uint32_t pid) {
  drop_process(pid);
  const bool has_loops = std::any_of(loops_.begin(), loops_.end(),
                                     [&](const auto& entry) { return entry.second->pid() == pid; });
  if (!has_loops) forget_names(pid);
}

void Measurement::sweep_processes() {
  std::vector<uint32_t> gone;
  for (auto& [pid, process] : processes_) {
    if (!outside_.start_of(pid)) {
      gone.push_back(pid);
    } else if (!process.is_looked_at_again && lacks_loop(pid)) {
      process.is_looked_at_again = true;
      ++inspections_;
      outside_.inspect(pid);
    }
  }
  for (const uint32_t pid : gone) {
    outside_.forget_process(pid);
    bury_process(pid);
  }
  stop_watching_polls();
}

/// poll and select are common, and their hooks cost each call something.
void Measurement::stop_watching_polls() {
  const uint64_t now_ns = outside_.monotonic_ns();
  const bool is_used =
      std::any_of(loops_.begin(), loops_.end(), [](const auto& l) { return l.second->polls(); });
  if (is_used) polls_seen_ns_ = now_ns;
  if (now_ns - polls_seen_ns_ > kPollsWantedNs) outside_.watch_polls(false);
}

void Measurement::on(const probes::EventOrigin& origin, const probes::ProcessExited&) {
  bury_process(origin.pid);
}

void Measurement::on(const probes::EventOrigin& origin, const probes::ProcessExeced&) {
  drop_process(origin.pid);
  forget_names(origin.pid);
  if (young_.size() < kMaxYoung && is_wanted(origin.pid)) {
    young_[origin.pid] = {outside_.monotonic_ns() + kFirstLookNs, 0};
  }
}

/// A Python process whose loop may wait in poll or select, which are not hooked until one is seen.
bool Measurement::lacks_loop(uint32_t pid) const {
  const auto process = processes_.find(pid);
  return process != processes_.end() && process->second.state == ProcessState::measured &&
         std::none_of(loops_.begin(), loops_.end(),
                      [&](const auto& entry) { return entry.second->pid() == pid; });
}

/// Looks at programs that have just been started, so that a loop is known at its first wait: what
/// it imports comes right after. What is no Python yet may be one at the next look.
void Measurement::look_at_young() {
  const uint64_t now_ns = outside_.monotonic_ns();
  for (auto next = young_.begin(); next != young_.end();) {
    const auto entry = next++;
    auto& [pid, young] = *entry;
    if (now_ns < young.look_ns) continue;
    const auto known = processes_.find(pid);
    const bool is_known = known != processes_.end();
    if (is_known && known->second.state == ProcessState::asked) continue;  // the answer may be no
    const bool is_wanting = !is_known || lacks_loop(pid);
    if (is_wanting) {
      if (!is_known) processes_[pid] = Process{};
      ++inspections_;
      outside_.inspect(pid);
      young.look_ns = now_ns + (kFirstLookNs << (2 * ++young.looks));
    }
    if (!is_wanting || young.looks >= kLooks) young_.erase(entry);
  }
}

// ---- loops ------------------------------------------------------------------------------------

void Measurement::on(const probes::EventOrigin& origin, const probes::Candidate& candidate) {
  const auto process = processes_.find(origin.pid);
  if (process == processes_.end() || process->second.target == nullptr) return;
  // What it imported since it was inspected; the answer comes before the stack's names.
  const stacks::PythonProcess& python = process->second.target->python;
  const bool may_have_uvloop = candidate.max_events == loops::kLibuvMaxEvents && !python.uvloop;
  const bool may_have_tasks = stacks::has_task_names(python.version) && !python.tasks;
  if (may_have_uvloop || (may_have_tasks && !process->second.has_sought_tasks)) {
    process->second.has_sought_tasks = true;
    ++inspections_;
    outside_.inspect(origin.pid);
  }
  stacks::RawStack raw = candidate.stack;
  questions_.push_back({origin, candidate,
                        stacks_.intern(origin.pid, std::move(raw), outside_.monotonic_ns()),
                        std::nullopt});
  judge_known_waits();
}

void Measurement::judge_known_waits() {
  std::erase_if(questions_, [&](const Question& question) {
    if (!question.seen->is_known()) return false;
    judge(question);
    return true;
  });
}

void Measurement::judge(const Question& question) {
  const auto process = processes_.find(question.origin.pid);
  if (process == processes_.end() || process->second.target == nullptr) return;
  // Its names did not come in time: unanswered, it asks again.
  if (question.seen->known->stack.frames.empty() && !question.candidate.stack.frames.empty()) {
    return;
  }
  const TargetPtr& target = process->second.target;
  const probes::WaitIdentity wait = question.wait();
  const bool asks_for_thread = wait.question != 0;
  if (asks_for_thread) {
    // It asked twice, and took the first answer.
    if (Loop* known = find(wait); known != nullptr && known->wait() == wait) return;
    drop_unanswered(wait);
  }
  const loops::EpollWait described = describe(question.candidate, *question.seen->known, *target);
  const loops::RuntimeKind kind = loops::judge_epoll_wait(described);
  const bool is_home = kind != loops::RuntimeKind::none;
  if (!is_home && loops::is_undecidable(described)) {
    stacks_.forget(wait.pid);  // unanswered, it asks again, and is read again
    return;
  }
  const bool is_decided = loops::is_decided_by(described, kSignatureFrames);
  if (is_decided) {
    outside_.remember(wait.pid, question.candidate.signature,
                      is_home ? std::optional(static_cast<uint32_t>(kind)) : std::nullopt);
  }
  if (!asks_for_thread) return;
  // A poll is known by its signature: one that is not decided cannot be told from others.
  if (!is_home || (question.candidate.polls && !is_decided)) {
    outside_.refuse(wait);
    return;
  }
  Loop* loop = open_loop(wait, target, kind);
  if (loop == nullptr) return;
  loop->set_polls(question.candidate.polls);
  outside_.prepare_slot(loop->slot(), loop->generation(), question.origin.time_ns);
  if (question.over) {
    finish_unheard(*loop, *question.over);
    return;
  }
  if (!outside_.accept(wait, loop->slot(), loop->generation(), static_cast<uint32_t>(kind))) {
    loop->mark_ended(outside_.monotonic_ns());
    return;
  }
  base::log_debug("{} loop of {} on tid {}", loop->labels().runtime,
                  base::quoted(loop->labels().process), loop->tid());
}

/// The thread asks about another wait, so it never fetched the answer to what it asked before.
void Measurement::drop_unanswered(const probes::WaitIdentity& wait) {
  if (Loop* loop = find(wait)) {
    outside_.withdraw(loop->wait());
    loop->mark_ended(outside_.monotonic_ns());
  }
}

/// It ended before the answer reached its thread: before it was given, or since.
void Measurement::on(const probes::EventOrigin& origin, const probes::LoopUnheard& unheard) {
  const probes::WaitIdentity wait{origin.pid, origin.tid, unheard.question};
  for (Question& question : questions_) {
    if (question.wait() == wait) question.over = {origin.time_ns, unheard};
  }
  Loop* loop = find(wait);
  if (loop != nullptr && loop->wait() == wait) finish_unheard(*loop, {origin.time_ns, unheard});
}

void Measurement::finish_unheard(Loop& loop, const UnheardEnd& end) {
  outside_.withdraw(loop.wait());
  outside_.finish_slot(loop.slot(), end.time_ns, end.account);
  loop.mark_ended(outside_.monotonic_ns());
}

/// The living loop on that thread; null when there is none.
Loop* Measurement::find(const probes::WaitIdentity& wait) {
  for (auto& [slot, loop] : loops_) {
    if (loop->pid() == wait.pid && loop->tid() == wait.tid && !loop->has_ended()) {
      return loop.get();
    }
  }
  return nullptr;
}

Loop* Measurement::open_loop(const probes::WaitIdentity& wait, const TargetPtr& target,
                             loops::RuntimeKind kind) {
  if (free_slots_.empty()) {
    if (slots_exhausted_++ == 0) {
      base::log_warning("more than {} loops: raise --max-loops", config_.max_loops);
    }
    return nullptr;
  }
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  ++generations_[slot];
  return open_loop_in(slot, wait, target, kind);
}

Loop* Measurement::open_loop_in(uint32_t slot, const probes::WaitIdentity& wait,
                                const TargetPtr& target, loops::RuntimeKind kind) {
  loops::LoopLabels labels = target->labels;
  labels.runtime = std::string(loops::runtime_name(kind));
  auto loop = std::make_unique<Loop>(wait, slot, generations_[slot], target, labels,
                                     services_.service(labels, outside_.monotonic_ns()));
  return (loops_[slot] = std::move(loop)).get();
}

/// Loops that live for one job are over before a question could be answered.
void Measurement::offer_slots() {
  while (spares_.size() < kSpareSlots && free_slots_.size() > kSpareSlots) {
    const uint32_t slot = free_slots_.back();
    const uint32_t generation = ++generations_[slot];
    outside_.prepare_slot(slot, generation, outside_.monotonic_ns());
    if (!outside_.offer_slot(slot, generation)) return;
    free_slots_.pop_back();
    spares_[slot] = generation;
  }
}

void Measurement::release(uint32_t slot) {
  Loop& loop = *loops_.at(slot);
  if (loop.account().activity == stalls::LoopActivity::ended && !outside_.retire_slot(slot)) {
    loop.revive();  // LoopBegan is on its way
    return;
  }
  outside_.withdraw(loops_.at(slot)->wait());
  loops_.erase(slot);
  outside_.release_slot(slot);
  free_slots_.insert(free_slots_.begin(), slot);
  offer_slots();
}

Loop* Measurement::find(const probes::EventOrigin& origin) {
  const auto found = loops_.find(origin.slot);
  if (found == loops_.end() || found->second->generation() != origin.generation) return nullptr;
  return found->second.get();
}

void Measurement::on(const probes::EventOrigin& origin, const probes::LoopEnded& ended) {
  Loop* loop = find(origin);
  if (loop == nullptr) return;
  loop->finish_last_turn(origin, ended);
  loop->mark_ended(outside_.monotonic_ns());
}

void Measurement::on(const probes::EventOrigin& origin, const probes::LoopBegan& began) {
  if (Loop* loop = find(origin)) {
    loop->revive();
    loop->set_polls(began.polls);
    return;
  }
  const auto spare = spares_.find(origin.slot);
  if (spare == spares_.end() || spare->second != origin.generation) return;
  spares_.erase(spare);
  offer_slots();
  const auto process = processes_.find(origin.pid);
  if (process == processes_.end() || process->second.target == nullptr) {
    outside_.release_slot(origin.slot);
    free_slots_.insert(free_slots_.begin(), origin.slot);
    return;
  }
  drop_unanswered({origin.pid, origin.tid, 0});
  open_loop_in(origin.slot, {origin.pid, origin.tid, 0}, process->second.target,
               static_cast<loops::RuntimeKind>(began.runtime))
      ->set_polls(began.polls);
}

void Measurement::on(Scanned&&) { scanned_ = true; }

void Measurement::seed(const std::vector<SightedLoop>& sighted) {
  std::vector<probes::Seed> seeds;
  for (const SightedLoop& sight : sighted) {
    const auto process = processes_.find(sight.pid);
    if (process == processes_.end() || process->second.target == nullptr) continue;
    if (Loop* known = find(probes::WaitIdentity{sight.pid, sight.tid, 0})) {
      name_wait(*known, sight);
      continue;
    }
    const bool asks = std::any_of(questions_.begin(), questions_.end(), [&](const Question& q) {
      return q.origin.pid == sight.pid && q.origin.tid == sight.tid;
    });
    if (asks) continue;
    // One inside a turn may wait in poll or select: without their hooks its turn would never end.
    if (sight.polls || (!sight.in_home_wait && sight.home_fd < 0)) {
      polls_seen_ns_ = outside_.monotonic_ns();
      outside_.watch_polls(true);
    }
    if (sight.polls) continue;  // it asks at its next wait
    Loop* loop = open_loop({sight.pid, sight.tid, 0}, process->second.target, sight.kind);
    if (loop == nullptr) break;
    if (sight.in_home_wait) {
      outside_.prepare_slot(loop->slot(), loop->generation(), sight.seen_ns);
    } else {
      outside_.prepare_slot_in_turn(loop->slot(), loop->generation(), sight.seen_ns, sight.cause);
      loop->sight(seen_at(sight), sight.seen_ns);
    }
    seeds.push_back({sight.pid, sight.tid, loop->slot(), loop->generation(), sight.home_fd,
                     !sight.in_home_wait, sight.cause, static_cast<uint32_t>(sight.kind),
                     sight.seen_ns, false, sight.switches});
  }
  outside_.seed(seeds);
}

// ---- the agent's own loop ---------------------------------------------------------------------

void Measurement::watch_canary() {
  if (free_slots_.empty()) return;
  const uint32_t slot = free_slots_.back();
  if (!outside_.seed_canary(slot, generations_[slot] + 1)) return;
  ++generations_[slot];
  free_slots_.pop_back();
  canary_slot_ = slot;
}

/// It puts a hold down before it enters the wait that reports it.
void Measurement::take_canary_holds() {
  for (const CanaryHold& hold : outside_.take_canary_holds()) canary_book_.add(hold);
}

void Measurement::settle_canary(uint64_t now_ns) {
  if (!canary_slot_) return;
  take_canary_holds();
  const uint64_t missed = canary_book_.counts().missed;
  canary_book_.settle(now_ns);
  if (canary_book_.counts().missed == missed) return;
  base::log_warning(
      "a stall that the agent made in a loop of its own was not reported: it may miss others too");
}

// ---- samples and turns ------------------------------------------------------------------------

void Measurement::on(const probes::EventOrigin& origin, const probes::BlockEnded& block) {
  Loop* loop = find(origin);
  if (loop == nullptr) return;
  const uint64_t now_ns = outside_.monotonic_ns();
  const SeenStackPtr holder = loop->take_holder();
  stacks::RawStack raw = block.stack;
  const SeenStackPtr older = raw.frames.empty() ? loop->sighted_in(block.start_ns) : nullptr;
  const SeenStackPtr waiter = older ? older : stacks_.intern(origin.pid, std::move(raw), now_ns);
  if (block.cause != stalls::Cause::gil) {
    loop->add_block(origin, probes::BlockEnded(block), waiter);
    return;
  }
  // A wait for the GIL is blamed on its holder, or on nobody.
  loop->add_block(origin, probes::BlockEnded(block),
                  holder ? holder : stacks_.intern(origin.pid, {}, now_ns));
  loop->see_gil_wait(origin.turn_number, waiter, holder);
}

void Measurement::on(const probes::EventOrigin& origin, const probes::HolderSeen& holder) {
  Loop* loop = find(origin);
  if (loop == nullptr) return;
  stacks::RawStack raw = holder.stack;
  loop->set_holder(stacks_.intern(origin.pid, std::move(raw), outside_.monotonic_ns()));
}

void Measurement::on(const probes::EventOrigin& origin, const probes::Ticked& tick) {
  Loop* loop = find(origin);
  if (loop == nullptr) return;
  stacks::RawStack raw = tick.stack;
  loop->add_tick(origin, tick, stacks_.intern(origin.pid, std::move(raw), outside_.monotonic_ns()));
}

void Measurement::on(const probes::EventOrigin& origin, const probes::TurnEnded& ended) {
  if (Loop* loop = find(origin)) loop->finish_turn(origin, ended);
  if (origin.slot == canary_slot_) {
    take_canary_holds();
    canary_book_.see(origin, ended, !was_turns_only_);
  }
}

void Measurement::on(const probes::EventOrigin& origin, const probes::EventsDelayed& delayed) {
  if (Loop* loop = find(origin)) loop->set_delayed(origin.turn_number, delayed.count);
}

void Measurement::on(Resolved&& resolved) {
  for (const FrameErrors& errors : resolved.errors) {
    frame_errors_[{errors.runtime, errors.reason}] += errors.count;
  }
  stacks_.answer(resolved.stack_id, std::move(resolved.stack));
}

void Measurement::advance() {
  const uint64_t now_ns = outside_.monotonic_ns();
  look_at_young();
  look_into_turns(now_ns);
  count_pools(now_ns);
  resolver_timeouts_ += stacks_.expire(now_ns);
  judge_known_waits();
  for (auto& [slot, loop] : loops_) {
    loop->claim_known(1'000'000'000 / config_.sample_rate_hz);
    dropped_ += loop->take_dropped();
    while (const auto finished = loop->take_finished(now_ns)) finish(*loop, *finished);
  }
}

void Measurement::finish(Loop& loop, const FinishedTurn& finished) {
  const stalls::Turn turn = named_turn(finished);
  const std::vector<stalls::Hold> holds = stalls::attribute_turn(turn);
  if (turn.serving) {
    stalls::FunctionTable& functions = loop.ledger().service().functions();
    const uint64_t delayed = finished.delayed_events.value_or(0);
    for (const stalls::Hold& hold : holds) {
      functions.observe_hold(hold, advice_of(hold, *own_advice_), finished.end_ns);
      if (const uint64_t harm_ns = stalls::harm_ns(hold.hold_ns, delayed)) {
        functions.observe_harm(hold, harm_ns, finished.end_ns);
      }
    }
    functions.observe_turn(holds, turn.duration_ns());
  }
  if (turn.death && turn.serving && !holds.empty()) {
    loop.ledger().service().functions().observe_death(holds.front(), finished.end_ns);
  }
  if (turn.is_long) record_stall(loop, finished, turn, holds);
}

void Measurement::record_stall(const Loop& loop, const FinishedTurn& finished,
                               const stalls::Turn& turn, const std::vector<stalls::Hold>& holds) {
  stalls::StallRecord record = make_stall_record(turn, holds, *own_advice_);
  record.id = stall_id(first_record_ + ++record_count_);
  record.start_wall_ns = outside_.wall_ns() - (outside_.monotonic_ns() - turn.start_ns);
  record.pid = loop.pid();
  record.tid = loop.tid();
  record.labels = loop.labels();
  record.delayed_events = finished.delayed_events.value_or(0);
  record.harm_ns = stalls::harm_ns(record.duration_ns, record.delayed_events);
  auto shared = std::make_shared<const stalls::StallRecord>(std::move(record));
  records_.push_front(shared);
  if (records_.size() > kMaxRecords) records_.pop_back();
  outside_.log(std::move(shared));
}

// ---- accounts ---------------------------------------------------------------------------------

/// First all of them, then the clock: they are carried on to one instant, which is later than each
/// of them is complete to. Otherwise the books of two loops would be closed at different times.
void Measurement::update_loops(uint64_t now_ns) {
  std::vector<std::pair<Loop*, stalls::LoopAccount>> readings;
  readings.reserve(loops_.size());
  for (auto& [slot, loop] : loops_) {
    auto account = outside_.read_slot(slot);
    if (!account) {
      ++torn_readings_;
    } else if (account->generation == loop->generation()) {
      readings.emplace_back(loop.get(), std::move(*account));
    }
  }
  const uint64_t read_ns = outside_.clock_ns();
  for (auto& [loop, account] : readings) {
    // Its process may have ended before a hook could end its account.
    loop->update(std::move(account), loop->has_ended() ? loop->ended_ns() : read_ns);
    if (!loop->audit().has_begun()) audit(*loop);
    // Its last event may have been lost with a full ring, or it ended before it was a loop.
    if (loop->account().activity == stalls::LoopActivity::ended || is_stillborn(*loop, now_ns)) {
      loop->mark_ended(now_ns);
    }
  }
}

void Measurement::read_accounts() {
  const uint64_t now_ns = outside_.monotonic_ns();
  update_loops(now_ns);
  give_answers(now_ns);
  std::vector<uint32_t> over;
  for (const auto& [slot, loop] : loops_) {
    const bool last_call = loop->has_ended() && now_ns - loop->ended_ns() > kLastEventsNs;
    if (last_call &&
        (!loop->has_unfinished_work() || now_ns - loop->ended_ns() > 4 * kLastEventsNs)) {
      over.push_back(slot);
    }
  }
  for (const uint32_t slot : over) {
    const uint32_t pid = loops_.at(slot)->pid();
    release(slot);
    if (!processes_.contains(pid)) bury_process(pid);
  }
  std::set<const stalls::Service*> in_use;
  for (const auto& [slot, loop] : loops_) in_use.insert(&loop->ledger().service());
  services_.expire(in_use, now_ns);
  settle_canary(now_ns);
}

void Measurement::follow(const stalls::BudgetState& budget) {
  budget_ = budget;
  if (budget_.detail == stalls::Detail::turns) was_turns_only_ = true;
}

uint64_t Measurement::live_loops() const {
  return static_cast<uint64_t>(
      std::count_if(loops_.begin(), loops_.end(), [this](const auto& entry) {
        return !entry.second->has_ended() && entry.first != canary_slot_;
      }));
}

/// While turns alone are measured there are no causes that could be compared.
void Measurement::audit() {
  std::optional<double> worst;
  for (auto& [slot, loop] : loops_) {
    if (const auto error = audit(*loop)) worst = std::max(worst.value_or(0), *error);
  }
  if (worst && !was_turns_only_) account_error_ratio_ = worst;
  was_turns_only_ = budget_.detail == stalls::Detail::turns;
}

std::optional<double> Measurement::audit(Loop& loop) {
  if (loop.has_ended()) return std::nullopt;
  const auto reading = outside_.read_for_audit(loop.slot(), loop.pid(), loop.tid());
  if (!reading || reading->account.generation != loop.generation()) return std::nullopt;
  return loop.audit().compare(stalls::carried_on(reading->account, reading->now_ns), reading->book,
                              reading->now_ns);
}

/// Its thread died before it fetched the answer that it is a loop's: nothing will end it.
bool Measurement::is_stillborn(const Loop& loop, uint64_t now_ns) const {
  if (!is_untouched(loop.account(), now_ns, kUntouchedNs)) return false;
  return !outside_.has_thread(loop.pid(), loop.tid());
}

/// To threads that have slept since they asked. Those that hang, and not in their home wait, are
/// looked at: of where they went to sleep the kernel has no stack.
void Measurement::give_answers(uint64_t now_ns) {
  std::vector<probes::Seed> sleepers;
  for (auto& [slot, loop] : loops_) {
    if (loop->has_ended() || loop->wait().question == 0) continue;
    if (loop->answer() == AnswerState::waiting &&
        is_untouched(loop->account(), now_ns, kFetchedNs)) {
      loop->set_answer(AnswerState::given);
      sleepers.emplace_back().pid = loop->pid();
      sleepers.back().tid = loop->tid();
      sleepers.back().only_answer = true;
    } else if (loop->answer() == AnswerState::given && loop->account().turn_start_ns != 0) {
      loop->set_answer(AnswerState::looked_at);
      ++inspections_;
      outside_.inspect(loop->pid());
    }
  }
  outside_.seed(sleepers);
}

/// Only in the wait that it was seen in: another wait's stack would be a wrong name.
void Measurement::name_wait(Loop& loop, const SightedLoop& sight) {
  if (loop.answer() != AnswerState::looked_at || sight.in_home_wait) return;
  const auto span = outside_.open_span(loop.slot(), loop.generation(), outside_.monotonic_ns(), 0);
  if (!span || span->since_ns > sight.seen_ns || !span->stack.frames.empty()) return;
  loop.sight_wait(seen_at(sight), span->turn_number, span->since_ns);
}

/// Reads, and asks for the names of, where long turns wait: while they hang they make no event, and
/// a process that dies takes its names with it.
void Measurement::look_into_turns(uint64_t now_ns) {
  if (now_ns - looked_ns_ < kLookNs) return;
  looked_ns_ = now_ns;
  for (auto& [slot, loop] : loops_) {
    if (loop->has_ended()) continue;
    auto span = outside_.open_span(slot, loop->generation(), now_ns - kShowStackNs,
                                   loop->open_span_since_ns());
    if (!span) continue;
    const bool is_gil = span->cause == stalls::Cause::gil;
    const bool is_bare = span->stack.frames.empty();
    SeenStackPtr seen = is_bare ? loop->sighted_in(span->since_ns) : SeenStackPtr();
    if (!seen) seen = stacks_.intern(loop->pid(), std::move(span->stack), now_ns);
    if (!is_bare) {
      loop->see_gil_wait(span->turn_number, seen, is_gil ? loop->gil_holder() : nullptr);
    }
    loop->see_open_span(span->since_ns, is_gil ? nullptr : std::move(seen));
  }
}

bool Measurement::has_live_loop(uint32_t pid) const {
  return std::any_of(loops_.begin(), loops_.end(), [&](const auto& entry) {
    return entry.second->pid() == pid && !entry.second->has_ended();
  });
}

/// One round at a time.
void Measurement::count_pools(uint64_t now_ns) {
  if (pools_asked_ > 0 || now_ns - pools_counted_ns_ < kCountPoolsNs) return;
  pools_counted_ns_ = now_ns;
  std::erase_if(pools_, [&](const auto& pool) { return !has_live_loop(pool.first); });
  std::set<uint32_t> pids;
  for (const auto& [slot, loop] : loops_) {
    if (!loop->has_ended()) pids.insert(loop->pid());
  }
  for (const uint32_t pid : pids) outside_.count_pool(pid);
  pools_asked_ = pids.size();
}

void Measurement::on(PoolCounted&& counted) {
  --pools_asked_;
  if (!counted.threads) {
    pools_.erase(counted.pid);
  } else if (has_live_loop(counted.pid)) {
    pools_[counted.pid] = *counted.threads;
  }
}

// ---- what is shown ----------------------------------------------------------------------------

stalls::LoopState Measurement::state_of(const Loop& loop) const {
  const stalls::LoopAccount& account = loop.account();
  stalls::LoopState state;
  state.pid = loop.pid();
  state.tid = loop.tid();
  state.slot = loop.slot();
  state.generation = loop.generation();
  if (!loop.has_ended()) state.turn = stalls::turn_in_progress(account);
  state.phase = account.serving ? "serving" : "startup";
  state.utilization_60s = loop.ledger().utilization().ratio();
  state.measured_60s_ns = loop.ledger().utilization().life_ns();
  if (state.turn.start_ns == 0) return state;
  if (const SeenStackPtr seen = loop.known_in_turn(state.turn.number)) {
    state.stack = seen->known->stack;
    const SeenStackPtr& holder = loop.gil_holder();
    if (holder && holder->is_known()) state.gil_holder = holder->known->stack;
  }
  return state;
}

std::vector<stalls::TargetCount> Measurement::count_targets() const {
  std::map<std::pair<std::string, std::string>, uint64_t> counts;
  for (const auto& [pid, process] : processes_) {
    switch (process.state) {
      case ProcessState::asked:
        break;
      case ProcessState::measured: {
        ++counts[{process.target->runtime, has_live_loop(pid) ? "measured" : "no_loop"}];
        break;
      }
      case ProcessState::ignored:
        ++counts[{"other", "ignored"}];
        break;
      case ProcessState::refused:
        ++counts[{process.refusal == token(stacks::PythonRefusal::unreadable_files) ? "unknown"
                                                                                    : "python",
                  process.refusal}];
        break;
    }
  }
  std::vector<stalls::TargetCount> targets;
  for (const auto& [key, count] : counts) targets.push_back({key.first, key.second, count});
  return targets;
}

stalls::AgentHealth Measurement::health() const {
  stalls::AgentHealth health;
  probes::Probes::Health kernel = outside_.kernel_health();
  health.ready = scanned_;
  if (!scanned_) health.not_ready.push_back("the first scan of the processes is not done yet");
  health.hooks = outside_.hooks();
  health.sample_rate_hz = config_.sample_rate_hz;
  health.targets = count_targets();
  health.events_lost = std::move(kernel.events_lost);
  health.events_lost.push_back({"no_free_slot", slots_exhausted_});
  health.events_lost.push_back({"torn_reading", torn_readings_});
  health.events_lost.push_back({"queue_full", dropped_});
  for (stalls::ReasonCount& error : kernel.stack_errors) {
    health.stack_errors.push_back({"python", std::move(error.reason), error.count});
  }
  health.stack_errors.push_back({"python", "resolver_timeout", resolver_timeouts_});
  for (const auto& [key, count] : frame_errors_) {
    health.stack_errors.push_back({key.first, key.second, count});
  }
  health.programs = std::move(kernel.programs);
  health.account_error_ratio = account_error_ratio_;
  health.canary = canary_book_.counts();
  health.budget = budget_;
  health.function_series = services_.function_series();
  health.series_folded = services_.series_folded();
  health.stall_records_suppressed = outside_.suppressed_records();
  return health;
}

std::vector<stalls::ServiceStackTimes> Measurement::stack_times() const {
  std::vector<stalls::ServiceStackTimes> all;
  for (const auto& [labels, service] : services_.all()) all.push_back(service->stack_times());
  return all;
}

stalls::Snapshot Measurement::snapshot() const {
  stalls::Snapshot snapshot;
  snapshot.monotonic_ns = outside_.monotonic_ns();
  snapshot.wall_ns = outside_.wall_ns();
  snapshot.wall_offset_ns = wall_offset_ns_;
  std::map<const stalls::Service*, std::size_t> places;
  for (const auto& [labels, service] : services_.all()) {
    places[service.get()] = snapshot.services.size();
    snapshot.services.push_back(service->snapshot());
  }
  std::map<uint32_t, stalls::PoolThreads> pools = pools_;
  std::vector<uint64_t> busy(snapshot.services.size()), life(snapshot.services.size());
  for (const auto& [slot, loop] : loops_) {
    if (loop->has_ended()) continue;
    const stalls::LoopLedger& ledger = loop->ledger();
    const std::size_t place = places.at(&ledger.service());
    stalls::ServiceSnapshot& service = snapshot.services[place];
    service.loops.push_back(state_of(*loop));
    if (const auto pool = pools.extract(loop->pid())) {  // once, however many loops it has
      service.pool.busy += pool.mapped().busy;
      service.pool.idle += pool.mapped().idle;
    }
    service.utilization_max = std::max(service.utilization_max, ledger.utilization().ratio());
    busy[place] += ledger.utilization().busy_ns();
    life[place] += ledger.utilization().life_ns();
  }
  for (std::size_t i = 0; i < snapshot.services.size(); ++i) {
    snapshot.services[i].utilization = base::share(busy[i], life[i]);
  }
  snapshot.health = health();
  snapshot.own_advice = own_advice_;
  snapshot.stalls.assign(records_.begin(), records_.end());
  return snapshot;
}

}  // namespace loopstall::session
