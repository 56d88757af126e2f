// SPDX-License-Identifier: Apache-2.0
#include "stalls/service_table.h"

#include <algorithm>

#include "base/proportion.h"

namespace loopstall::stalls {
namespace {

using base::grown;

constexpr uint64_t kUtilizationWindowNs = 60'000'000'000;
// Longer than any scrape interval in use, and than most restarts of a container.
constexpr uint64_t kGraceNs = 600'000'000'000;
constexpr std::size_t kMaxUnused = 200;
constexpr uint64_t kUtilizationStepNs = 1'000'000'000;
// Of stacks that are kept: what lies beyond is the function's, without a stack.
constexpr std::size_t kMaxStackTimes = 50'000;

void add_growth(TimeByLength& total, const TimeByLength& now, const TimeByLength& before) {
  for (std::size_t i = 0; i < kBucketCount; ++i) total[i] += grown(now[i], before[i]);
}

void add_growth(DurationHistogram& total, const DurationHistogram& now,
                const DurationHistogram& before) {
  add_growth(total.buckets, now.buckets, before.buckets);
  total.sum_ns += grown(now.sum_ns, before.sum_ns);
}

/// Raises `shown` to `now` and returns by how much: an account that was carried on over a span
/// whose cause turned out otherwise must not take anything back.
uint64_t raise(uint64_t& shown, uint64_t now) {
  const uint64_t by = grown(now, shown);
  shown += by;
  return by;
}

}  // namespace

ServiceSnapshot Service::snapshot() const {
  ServiceSnapshot snapshot = totals_;
  snapshot.functions = functions_.functions();
  snapshot.gain = gains_.gain(gain_totals());
  snapshot.entries = functions_.entries();
  snapshot.deaths = functions_.deaths();
  for (const auto& [name, ns] : syscalls_) snapshot.syscalls.push_back({name, ns});
  return snapshot;
}

void Service::add_busy(const BusyShare& share, uint64_t now_ns) {
  functions_.add_busy(share, now_ns);
  if (!keeps_stacks_) return;
  BusyOwner owner = share.owner;
  if (stack_times_.size() >= kMaxStackTimes && !stack_times_.contains({owner, share.cause})) {
    owner.stack = nullptr;
  }
  stack_times_[{owner, share.cause}] += share.ns;
}

ServiceStackTimes Service::stack_times() const {
  ServiceStackTimes all{totals_.labels, {}};
  for (const auto& [key, ns] : stack_times_) {
    const auto& [owner, cause] = key;
    all.times.push_back({owner.stack, owner.function, owner.file, cause, ns});
  }
  return all;
}

GainTotals Service::gain_totals() const {
  GainTotals totals;
  totals.busy_ns = sum(totals_.busy_ns);
  totals.life_ns = totals.busy_ns + totals_.idle_ns;
  totals.turn_ns = totals_.turn_time_ns;
  totals.functions = functions_.parts();
  return totals;
}

Service& ServiceTable::service(const loops::LoopLabels& labels, uint64_t now_ns) {
  auto& slot = services_[labels];
  if (!slot) slot = std::make_unique<Service>(labels, limits_, budget_, now_ns, keeps_stacks_);
  return *slot;
}

void ServiceTable::expire(const std::set<const Service*>& in_use, uint64_t now_ns) {
  std::vector<std::pair<uint64_t, loops::LoopLabels>> unused;
  for (const auto& [labels, service] : services_) {
    service->keep_totals(now_ns);
    if (in_use.contains(service.get()) || service->used_ns() == 0) service->mark_used(now_ns);
    if (!in_use.contains(service.get())) unused.emplace_back(service->used_ns(), labels);
  }
  std::sort(unused.begin(), unused.end());
  std::size_t too_many = unused.size() > kMaxUnused ? unused.size() - kMaxUnused : 0;
  for (const auto& [used_ns, labels] : unused) {
    if (too_many == 0 && now_ns - used_ns < kGraceNs) break;
    services_.erase(labels);
    if (too_many > 0) --too_many;
  }
}

void UtilizationWindow::add(uint64_t now_ns, uint64_t busy_total_ns, uint64_t idle_total_ns) {
  // The newest point always moves on; a second after the one before it, it stays.
  if (points_.size() >= 2 &&
      points_.back().time_ns - points_[points_.size() - 2].time_ns < kUtilizationStepNs) {
    points_.pop_back();
  }
  points_.push_back({now_ns, busy_total_ns, idle_total_ns});
  while (points_.size() > 2 && now_ns - points_[1].time_ns >= kUtilizationWindowNs) {
    points_.pop_front();
  }
}

uint64_t UtilizationWindow::busy_ns() const {
  return points_.empty() ? 0 : points_.back().busy_ns - points_.front().busy_ns;
}

uint64_t UtilizationWindow::life_ns() const {
  return points_.empty() ? 0 : busy_ns() + points_.back().idle_ns - points_.front().idle_ns;
}

double UtilizationWindow::ratio() const { return base::share(busy_ns(), life_ns()); }

BusyOwner LoopLedger::owner(const KnownStackPtr& stack) const {
  const stacks::Attribution& blamed = stack->attribution;
  // A reserved name is its own entry: ~framework has none.
  const bool is_own_entry = blamed.entry.empty() && blamed.function.starts_with('~');
  return {blamed.function, blamed.file, is_own_entry ? blamed.function : blamed.entry,
          service_.keeps_stacks() ? stack : nullptr};
}

void LoopLedger::claim_block(const BlockSample& block) {
  uint64_t blocked = block.blocked_ns;
  if (block.weight_ns != 0 && block.length_ns() != 0) {
    blocked = base::proportion(block.weight_ns, block.blocked_ns, block.length_ns());
  }
  if (block.start_ns == open_start_ns_) {
    blocked -= std::min(blocked, open_claimed_ns_);
    open_start_ns_ = open_claimed_ns_ = 0;
  }
  busy_.claim(owner(block.stack), block.cause, blocked);
}

void LoopLedger::claim_tick(const TickSample& tick, uint64_t period_ns) {
  busy_.claim(owner(tick.stack), tick.cause, period_ns);
}

/// What is open for longer than from one reading to the next is claimed while it lasts; shorter
/// spans have sent their blocks by now.
void LoopLedger::claim_open_span(const KnownStackPtr& seen) {
  const uint64_t open_ns = open_span_ns(last_.account, last_.time_ns);
  if (open_start_ns_ != last_.account.accounted_ns) {
    open_start_ns_ = last_.account.accounted_ns;
    open_claimed_ns_ = 0;
  }
  busy_.claim(owner(seen), last_.account.current_cause, grown(open_ns, open_claimed_ns_));
  open_claimed_ns_ = std::max(open_claimed_ns_, open_ns);
}

void LoopLedger::update(const LoopAccount& account, uint64_t now_ns, const KnownStackPtr& seen) {
  if (last_.time_ns != 0) {
    const bool still_open = has_open_span(last_.account) && has_open_span(account) &&
                            account.accounted_ns == last_.account.accounted_ns;
    if (still_open && seen != nullptr) claim_open_span(seen);
    count();
  }
  last_ = {account, std::max(now_ns, account.accounted_ns)};
}

/// What is to be added to what was shown, so that all of it is exactly the loop's life so far and
/// nothing is taken back: where a span turned out to be something else than it seemed, the others
/// are held back by as much, until the one that was given too much has caught up.
std::array<uint64_t, kCauseCount + 1> LoopLedger::take_growth(const LoopAccount& live) {
  std::array<uint64_t, kCauseCount + 1> growth{};
  uint64_t wanted_ns = 0;
  for (std::size_t cause = 0; cause < kCauseCount; ++cause) {
    wanted_ns += growth[cause] = grown(live.busy_ns[cause], shown_busy_ns_[cause]);
  }
  wanted_ns += growth[kCauseCount] = grown(live.idle_ns, shown_idle_ns_);
  const uint64_t passed_ns = std::min(
      wanted_ns, grown(sum(live.busy_ns) + live.idle_ns, sum(shown_busy_ns_) + shown_idle_ns_));
  if (wanted_ns == 0) return growth;
  uint64_t before_ns = 0, given_ns = 0;
  for (uint64_t& ns : growth) {
    before_ns += ns;
    ns = base::proportion(passed_ns, before_ns, wanted_ns) - given_ns;
    given_ns += ns;
  }
  for (std::size_t cause = 0; cause < kCauseCount; ++cause) shown_busy_ns_[cause] += growth[cause];
  shown_idle_ns_ += growth[kCauseCount];
  return growth;
}

void LoopLedger::count() {
  const LoopAccount& account = last_.account;
  ServiceSnapshot& totals = service_.totals();
  const auto growth = take_growth(carried_on(account, last_.time_ns));
  ByCause exact{};
  for (std::size_t cause = 0; cause < kCauseCount; ++cause) {
    exact[cause] = growth[cause];
    totals.busy_ns[cause] += exact[cause];
    totals.stalls[cause] += grown(account.stalls[cause], counted_.stalls[cause]);
    totals.stall_ns[cause] += grown(account.stall_ns[cause], counted_.stall_ns[cause]);
  }
  totals.idle_ns += growth[kCauseCount];
  totals.counted_until_ns = std::max(totals.counted_until_ns, last_.time_ns);
  totals.startup_ns += grown(account.startup_ns, counted_.startup_ns);
  totals.ready_events += grown(account.ready_events, counted_.ready_events);
  totals.delayed_events += grown(account.delayed_events, counted_.delayed_events);
  add_growth(totals.turns, account.turns, counted_.turns);
  add_growth(totals.turn_time_ns, account.turn_time_ns, counted_.turn_time_ns);
  add_growth(totals.timer_lag, account.timer_lag, counted_.timer_lag);
  for (const LoopAccount::Syscall& syscall : account.syscalls) {
    const uint64_t by = raise(shown_syscalls_[syscall.name], syscall.blocked_ns);
    if (by != 0) service_.add_syscall(syscall.name, by);
  }
  uint64_t collecting_ns = 0;
  for (const BusyShare& share : busy_.settle(exact)) {
    service_.add_busy(share, last_.time_ns);
    if (share.cause == Cause::gc) collecting_ns += share.ns;
  }
  // In the kernel's account it is cpu.
  const uint64_t from_cpu_ns = grown(collecting_ns, exact[index(Cause::gc)]);
  totals.busy_ns[index(Cause::cpu)] -= from_cpu_ns;
  totals.busy_ns[index(Cause::gc)] += from_cpu_ns;
  utilization_.add(last_.time_ns, sum(shown_busy_ns_), shown_idle_ns_);
  counted_ = account;
}

}  // namespace loopstall::stalls
