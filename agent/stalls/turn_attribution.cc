// SPDX-License-Identifier: Apache-2.0
#include "stalls/turn_attribution.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/proportion.h"

namespace loopstall::stalls {
namespace {

using FunctionId = std::pair<std::string_view, std::string_view>;  // function, path

/// The coroutines that samples met.
class Met {
 public:
  void add(uint64_t coroutine) {
    different_.insert(coroutine);
    ++samples_;
  }
  Coroutines count() const { return {different_.size(), samples_}; }

 private:
  std::set<uint64_t> different_;
  uint64_t samples_ = 0;
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

  /// A sample of that stack's function met this coroutine; 0: none.
  void meet(const KnownStackPtr& stack, uint64_t coroutine) {
    if (coroutine != 0) entries_[id(*stack)].met.add(coroutine);
  }

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
    hold.coroutines = entry.met.count();
    for (const uint64_t ns : entry.cause_ns) hold.hold_ns += ns;
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
    if (block.cause != Cause::gil) claims.meet(block.stack, block.coroutine);
    if (block.weight_ns == 0) {
      take(block, block.cause, block.blocked_ns);
      continue;
    }
    if (block.length_ns() == 0) continue;
    const uint64_t blocked = base::proportion(block.weight_ns, block.blocked_ns, block.length_ns());
    sampled[index(block.cause)].push_back({&block.stack, block.syscall, blocked});
  }
  for (const TickSample& tick : turn.ticks) {
    if (tick.cause != Cause::gc) claims.meet(tick.stack, tick.coroutine);
    sampled[index(tick.cause)].push_back({&tick.stack, tick.syscall, 1});
  }
  for (std::size_t cause = 0; cause < kCauseCount; ++cause) {
    if (left[cause] == 0) continue;
    share_out(claims, static_cast<Cause>(cause), left[cause], sampled[cause]);
  }
  return claims.holds();
}

Coroutines coroutines_of(const Turn& turn) {
  Met met;
  for (const BlockSample& block : turn.blocks) {
    if (block.coroutine != 0) met.add(block.coroutine);
  }
  for (const TickSample& tick : turn.ticks) {
    if (tick.coroutine != 0) met.add(tick.coroutine);
  }
  return met.count();
}

}  // namespace loopstall::stalls
