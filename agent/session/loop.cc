// SPDX-License-Identifier: Apache-2.0
#include "session/loop.h"

#include <algorithm>
#include <utility>

namespace loopstall::session {
namespace {

// A turn of 10 s that blocks every millisecond; what blocks after that is ~unsampled.
constexpr std::size_t kMaxSamplesPerTurn = 10'000;
constexpr std::size_t kMaxUnclaimed = 100'000;
constexpr std::size_t kMaxFinished = 10'000;
// The home wait that ends a stall usually returns at once.
constexpr uint64_t kDelayedDeadlineNs = 1'000'000'000;

stalls::TickSample tick_of(const Sample& sample, stalls::KnownStackPtr stack) {
  return {sample.block.syscall, std::move(stack), sample.block.cause, sample.block.coroutine,
          sample.block.task};
}

// Between two slices it looks at the GIL and sets a flag. A wait of its own is preceded by work.
constexpr uint64_t kBetweenSlicesNs = 100'000;

bool all_known(const FinishedTurn& turn) {
  return std::all_of(turn.samples.begin(), turn.samples.end(),
                     [](const Sample& sample) { return sample.seen->is_known(); });
}

}  // namespace

Loop::Loop(probes::WaitIdentity wait, uint32_t slot, uint32_t generation, TargetPtr target,
           loops::LoopLabels labels, stalls::Service& service)
    : wait_(wait),
      slot_(slot),
      generation_(generation),
      target_(std::move(target)),
      labels_(std::move(labels)),
      ledger_(service) {}

void Loop::add(const probes::EventOrigin& origin, Sample&& sample) {
  see_in_turn(origin.turn_number, sample.seen);
  if (unclaimed_.size() < kMaxUnclaimed) {
    unclaimed_.push_back(sample);
  } else {
    ++dropped_;
  }
  auto& samples = open_turns_[origin.turn_number];
  if (samples.size() < kMaxSamplesPerTurn) {
    samples.push_back(std::move(sample));
  } else {
    ++dropped_;
  }
}

void Loop::add_block(const probes::EventOrigin& origin, probes::BlockEnded&& block,
                     SeenStackPtr seen) {
  Sample sample;
  sample.block = {block.start_ns, block.blocked_ns, block.runqueue_ns, block.weight_ns, block.cause,
                  block.syscall,  block.fd_kind,    nullptr,           block.coroutine};
  sample.block.throttled_ns = block.throttled_ns;
  sample.block.task = std::move(block.task);
  sample.block.continues = continues_gil_wait(origin, block);
  sample.seen = std::move(seen);
  add(origin, std::move(sample));
}

/// Whoever waits for the GIL does so in slices of the switch interval. What follows a slice at
/// once, at the same instruction, is one more slice of the same wait.
bool Loop::continues_gil_wait(const probes::EventOrigin& origin, const probes::BlockEnded& block) {
  if (block.cause != stalls::Cause::gil || block.stack.frames.empty()) return false;
  const GilSlice slice{origin.turn_number, origin.time_ns, block.stack.frames.front()};
  const GilSlice before = std::exchange(last_slice_, slice);
  return before.turn_number == slice.turn_number && before.leaf == slice.leaf &&
         block.start_ns >= before.end_ns && block.start_ns - before.end_ns <= kBetweenSlicesNs;
}

void Loop::add_tick(const probes::EventOrigin& origin, const probes::Ticked& tick,
                    SeenStackPtr seen) {
  Sample sample;
  sample.is_tick = true;
  sample.block.syscall = tick.syscall;
  sample.block.cause = tick.stack.in_gc ? stalls::Cause::gc : stalls::Cause::cpu;
  sample.block.coroutine = tick.coroutine;
  sample.block.task = tick.task;
  sample.seen = std::move(seen);
  add(origin, std::move(sample));
}

void Loop::sight(SeenStackPtr seen, uint64_t at_ns) {
  sighted_ = seen;
  sighted_ns_ = at_ns;
  see_in_turn(1, std::move(seen));
}

void Loop::sight_wait(SeenStackPtr seen, uint64_t turn_number, uint64_t since_ns) {
  sighted_ = seen;
  sighted_since_ns_ = since_ns;
  sighted_ns_ = since_ns;
  see_in_turn(turn_number, seen);
  see_open_span(since_ns, std::move(seen));
}

SeenStackPtr Loop::known_in_turn(uint64_t turn_number) const {
  if (seen_turn_number_ != turn_number) return nullptr;
  return seen_in_turn_ && seen_in_turn_->is_known() ? seen_in_turn_ : known_before_;
}

void Loop::see_in_turn(uint64_t turn_number, SeenStackPtr seen) {
  known_before_ = known_in_turn(turn_number);
  seen_turn_number_ = turn_number;
  seen_in_turn_ = std::move(seen);
  gil_holder_ = nullptr;
}

void Loop::see_gil_wait(uint64_t turn_number, SeenStackPtr waiter, SeenStackPtr holder) {
  see_in_turn(turn_number, std::move(waiter));
  gil_holder_ = std::move(holder);
}

void Loop::see_open_span(uint64_t since_ns, SeenStackPtr seen) {
  open_span_since_ns_ = since_ns;
  seen_in_span_ = std::move(seen);
}

void Loop::finish_turn(const probes::EventOrigin& origin, const probes::TurnEnded& ended) {
  FinishedTurn turn;
  turn.number = origin.turn_number;
  turn.end_ns = origin.time_ns;
  turn.ended = ended;
  const auto open = open_turns_.find(origin.turn_number);
  if (open != open_turns_.end()) turn.samples = std::move(open->second);
  // Whatever is older lost its end.
  open_turns_.erase(open_turns_.begin(), open_turns_.upper_bound(origin.turn_number));
  if (finished_.size() < kMaxFinished) {
    finished_.push_back(std::move(turn));
  } else {
    ++dropped_;
  }
}

void Loop::finish_last_turn(const probes::EventOrigin& origin, const probes::LoopEnded& ended) {
  if (!ended.last_turn || !ended.last_turn->is_long) return;
  const probes::LoopEnded::LastTurn& last = *ended.last_turn;
  finish_turn(origin, {ended.turn_start_ns, ended.cause_ns, last.serving, last.at_least, true,
                       last.dominant});
  if (!finished_.empty()) finished_.back().exit_code = last.exit_code;
}

void Loop::set_delayed(uint64_t turn_number, uint64_t count) {
  for (FinishedTurn& turn : finished_) {
    if (turn.number == turn_number) turn.delayed_events = count;
  }
}

void Loop::claim_known(uint64_t tick_period_ns) {
  while (!unclaimed_.empty() && unclaimed_.front().seen->is_known()) {
    Sample& sample = unclaimed_.front();
    sample.block.stack = sample.seen->known;
    if (sample.is_tick) {
      ledger_.claim_tick(tick_of(sample, sample.block.stack), tick_period_ns);
    } else {
      ledger_.claim_block(sample.block);
    }
    unclaimed_.pop_front();
  }
}

std::optional<FinishedTurn> Loop::take_finished(uint64_t now_ns) {
  if (finished_.empty()) return std::nullopt;
  FinishedTurn& next = finished_.front();
  if (!all_known(next)) return std::nullopt;
  if (next.ended.is_long && next.ended.serving && !next.delayed_events && !has_ended() &&
      now_ns < next.end_ns + kDelayedDeadlineNs) {
    return std::nullopt;
  }
  FinishedTurn taken = std::move(next);
  finished_.pop_front();
  return taken;
}

void Loop::update(stalls::LoopAccount account, uint64_t now_ns) {
  const bool is_seen =
      seen_in_span_ && seen_in_span_->is_known() && open_span_since_ns_ == account_.accounted_ns;
  ledger_.update(account, now_ns, is_seen ? seen_in_span_->known : nullptr);
  account_ = std::move(account);
}

stalls::Turn named_turn(const FinishedTurn& finished) {
  stalls::Turn turn;
  turn.start_ns = finished.ended.start_ns;
  turn.end_ns = finished.end_ns;
  turn.cause_ns = finished.ended.cause_ns;
  turn.serving = finished.ended.serving;
  turn.at_least = finished.ended.at_least;
  turn.is_long = finished.ended.is_long;
  turn.dominant = finished.ended.dominant;
  for (const Sample& sample : finished.samples) {
    if (sample.is_tick) {
      turn.ticks.push_back(tick_of(sample, sample.seen->known));
    } else {
      turn.blocks.push_back(sample.block);
      turn.blocks.back().stack = sample.seen->known;
    }
  }
  if (finished.exit_code) {
    turn.death = {*finished.exit_code,
                  finished.samples.empty() ? nullptr : finished.samples.back().seen->known};
  }
  return turn;
}

}  // namespace loopstall::session
