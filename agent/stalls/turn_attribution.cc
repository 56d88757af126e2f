// SPDX-License-Identifier: Apache-2.0
#include "stalls/turn_attribution.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "base/proportion.h"

namespace loopstall::stalls {
namespace {

using FunctionId = std::pair<std::string_view, std::string_view>;  // function, path

/// With 95 % confidence, at least this share is of a kind of which `met` of `all` samples were
/// (Wilson's score interval). Ticks come at even distances, which makes it more certain still.
double share_at_least(uint64_t met, uint64_t all) {
  constexpr double kZ = 1.645;
  const auto n = static_cast<double>(all);
  const double p = static_cast<double>(met) / n, z2 = kZ * kZ;
  return (p + z2 / (2 * n) - kZ * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n);
}

/// The coroutines that samples met; 0 is none.
class Met {
 public:
  void add_block(const BlockSample& block) {
    if (block.coroutine == 0) return;
    Part& part = parts_[block.coroutine];
    if (block.weight_ns == 0) part.exact_ns += block.blocked_ns;
    if (!block.task.empty()) part.task = block.task;
    ++samples_;
  }
  void add_tick(const TickSample& tick) {
    const bool computes = tick.cause != Cause::gc;
    if (computes) ++ticks_;
    if (tick.coroutine == 0) return;
    Part& part = parts_[tick.coroutine];
    if (computes) ++part.ticks;
    if (!tick.task.empty()) part.task = tick.task;
    ++samples_;
  }
  /// Of a time in which `cpu_ns` were computed.
  Coroutines count(uint64_t cpu_ns) const {
    Coroutines coroutines{parts_.size(), samples_, 0, {}};
    for (const auto& [coroutine, part] : parts_) {
      const double share = part.ticks == 0 ? 0 : share_at_least(part.ticks, ticks_);
      const uint64_t own_ns =
          part.exact_ns + static_cast<uint64_t>(share * static_cast<double>(cpu_ns));
      if (own_ns <= coroutines.longest_ns && parts_.size() > 1) continue;
      coroutines.longest_ns = own_ns;
      coroutines.task = part.task;
    }
    return coroutines;
  }

 private:
  struct Part {
    uint64_t exact_ns = 0;
    uint64_t ticks = 0;
    std::string task;
  };
  std::map<uint64_t, Part> parts_;
  uint64_t samples_ = 0;
  uint64_t ticks_ = 0;
};

/// Collects what is claimed of one turn, by function.
class Claims {
 public:
  void add(const KnownStackPtr& stack, std::string_view syscall, Cause cause, uint64_t ns) {
    if (ns == 0) return;
    Entry& entry = entries_[id(*stack)];
    entry.cause_ns[index(cause)] += ns;
    Seen& seen = entry.seen[{stack.get(), syscall}];
    if (seen.stack == nullptr) {
      seen.stack = stack;
      seen.place = entry.seen.size();
    }
    seen.cause_ns[index(cause)] += ns;
  }

  /// What ran when the sample was taken of its stack's function.
  void meet(const BlockSample& block) { entries_[id(*block.stack)].met.add_block(block); }
  void meet(const TickSample& tick) { entries_[id(*tick.stack)].met.add_tick(tick); }

  std::vector<Hold> holds() const {
    std::vector<Hold> holds;
    for (const auto& [function, entry] : entries_) {
      if (!entry.seen.empty()) holds.push_back(hold(entry));
    }
    std::stable_sort(holds.begin(), holds.end(),
                     [](const Hold& a, const Hold& b) { return a.hold_ns > b.hold_ns; });
    return holds;
  }

 private:
  struct Seen {
    KnownStackPtr stack;
    std::size_t place = 0;  // in the order of claims
    ByCause cause_ns{};
  };
  struct Entry {
    ByCause cause_ns{};
    std::map<std::pair<const KnownStack*, std::string_view>, Seen> seen;
    Met met;
  };

  static FunctionId id(const KnownStack& stack) {
    return {stack.attribution.function, stack.attribution.path};
  }

  // Addresses must not decide between equals: the same turn gives the same record each time.
  static bool explains_better(const Seen& seen, const Seen& other, Cause cause) {
    const uint64_t ns = seen.cause_ns[index(cause)], other_ns = other.cause_ns[index(cause)];
    return ns > other_ns || (ns == other_ns && seen.place < other.place);
  }

  static Hold hold(const Entry& entry) {
    Hold hold;
    hold.cause_ns = entry.cause_ns;
    hold.coroutines = entry.met.count(entry.cause_ns[index(Cause::cpu)]);
    hold.hold_ns = sum(entry.cause_ns);
    hold.cause = static_cast<Cause>(std::max_element(entry.cause_ns.begin(), entry.cause_ns.end()) -
                                    entry.cause_ns.begin());
    const Seen* shown = nullptr;
    for (const auto& [key, seen] : entry.seen) {
      if (shown != nullptr && !explains_better(seen, *shown, hold.cause)) continue;
      shown = &seen;
      hold.stack = seen.stack;
      hold.syscall = key.second;
    }
    return hold;
  }

  std::map<FunctionId, Entry> entries_;
};

/// A weighted part of some time of which only the sum is exact.
struct Weighted {
  const KnownStackPtr* stack;
  std::string_view syscall;
  uint64_t weight;
};

/// Whose the time is that no sample was taken of.
std::string_view unclaimed_name(Cause cause) {
  return cause == Cause::gc ? stacks::kGc : stacks::kUnsampled;
}

/// Shares `total_ns` out by weight; what is left by rounding goes to the last one.
void share_out(Claims& claims, Cause cause, uint64_t total_ns, const std::vector<Weighted>& parts) {
  uint64_t whole = 0;
  for (const Weighted& part : parts) whole += part.weight;
  if (whole == 0) {
    claims.add(reserved_stack(unclaimed_name(cause)), {}, cause, total_ns);
    return;
  }
  uint64_t given = 0;
  for (const Weighted& part : parts) {
    const uint64_t ns =
        &part == &parts.back() ? total_ns - given : base::proportion(total_ns, part.weight, whole);
    claims.add(*part.stack, part.syscall, cause, ns);
    given += ns;
  }
}

}  // namespace

const KnownStackPtr& reserved_stack(std::string_view name) {
  static const auto make = [](std::string_view reserved) {
    KnownStack stack;
    stack.attribution.function = std::string(reserved);
    return std::make_shared<const KnownStack>(std::move(stack));
  };
  static const std::map<std::string_view, KnownStackPtr> all = {
      {stacks::kFramework, make(stacks::kFramework)}, {stacks::kUnknown, make(stacks::kUnknown)},
      {stacks::kUnsampled, make(stacks::kUnsampled)}, {stacks::kOther, make(stacks::kOther)},
      {stacks::kGenerated, make(stacks::kGenerated)}, {stacks::kGc, make(stacks::kGc)},
      {stacks::kMachine, make(stacks::kMachine)},
  };
  const auto found = all.find(name);
  return found == all.end() ? all.at(stacks::kUnknown) : found->second;
}

std::vector<Hold> attribute_turn(const Turn& turn) {
  Claims claims;
  ByCause left = turn.cause_ns;
  const auto take = [&](const BlockSample& block, Cause cause, uint64_t ns) {
    const uint64_t taken = std::min(ns, left[index(cause)]);
    claims.add(block.stack, block.syscall, cause, taken);
    left[index(cause)] -= taken;
  };
  for (std::size_t i = 0; i < kCauseCount; ++i) {
    const auto cause = static_cast<Cause>(i);
    if (!cause_is_machines(cause)) continue;
    claims.add(reserved_stack(stacks::kMachine), {}, cause, std::exchange(left[i], 0));
  }
  std::array<std::vector<Weighted>, kCauseCount> sampled;
  for (const BlockSample& block : turn.blocks) {
    if (block.cause != Cause::gil) claims.meet(block);
    if (block.weight_ns == 0) {
      take(block, block.cause, block.blocked_ns);
      continue;
    }
    if (block.length_ns() == 0) continue;
    const uint64_t blocked = base::proportion(block.weight_ns, block.blocked_ns, block.length_ns());
    sampled[index(block.cause)].push_back({&block.stack, block.syscall, blocked});
  }
  for (const TickSample& tick : turn.ticks) {
    if (tick.cause != Cause::gc) claims.meet(tick);
    sampled[index(tick.cause)].push_back({&tick.stack, tick.syscall, 1});
  }
  for (std::size_t cause = 0; cause < kCauseCount; ++cause) {
    if (left[cause] == 0) continue;
    share_out(claims, static_cast<Cause>(cause), left[cause], sampled[cause]);
  }
  return claims.holds();
}

uint64_t harm_ns(uint64_t part_ns, uint64_t delayed) { return part_ns / 2 * delayed; }

Coroutines coroutines_of(const Turn& turn) {
  Met met;
  for (const BlockSample& block : turn.blocks) met.add_block(block);
  for (const TickSample& tick : turn.ticks) met.add_tick(tick);
  return met.count(turn.cause_ns[index(Cause::cpu)]);
}

}  // namespace loopstall::stalls
