// SPDX-License-Identifier: Apache-2.0
#include "stalls/function_table.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "stacks/attribution.h"

namespace loopstall::stalls {
namespace {

constexpr uint64_t kMinObservedHoldNs = 1'000'000;

/// A target may call its functions anything; only the agent's own names have no bounds.
bool is_reserved_name(std::string_view name) {
  constexpr std::array kReserved = {stacks::kFramework, stacks::kUnknown,   stacks::kUnsampled,
                                    stacks::kOther,     stacks::kGenerated, stacks::kGc,
                                    stacks::kMachine};
  return std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end();
}

bool is_reserved(const GainTotals::Function& function) {
  return function.second.empty() && is_reserved_name(function.first);
}

GainTotals::Function function_of(const Hold& hold) {
  return {hold.stack->attribution.function, hold.stack->attribution.file};
}

}  // namespace

bool FunctionTable::is_admitted(const Function& function) const {
  return is_reserved(function) || admitted_.contains(function);
}

/// Null when too many functions are watched already.
FunctionTable::Candidate* FunctionTable::watch(const Function& function, uint64_t now_ns) {
  const auto is_stale = [&](const Candidate& candidate) {
    return now_ns > candidate.window_start_ns + limits_.window_ns;
  };
  if (!candidates_.contains(function) && candidates_.size() >= limits_.candidates) {
    std::erase_if(candidates_, [&](const auto& entry) {
      return !entry.second.refused && is_stale(entry.second);
    });
    if (candidates_.size() >= limits_.candidates) return nullptr;
  }
  Candidate& candidate = candidates_[function];
  if (is_stale(candidate)) {
    candidate.window_start_ns = now_ns;
    candidate.busy_ns = 0;
  }
  return &candidate;
}

bool FunctionTable::has_earned(const Function& function, uint64_t busy_ns, uint64_t now_ns) {
  Candidate* candidate = watch(function, now_ns);
  if (candidate == nullptr) return false;
  candidate->busy_ns += busy_ns;
  return static_cast<double>(candidate->busy_ns) >=
         limits_.admit_occupancy * static_cast<double>(limits_.window_ns);
}

bool FunctionTable::admit(const Function& function) {
  const bool reserved = is_reserved(function);
  const auto own = static_cast<std::size_t>(std::count_if(
      admitted_.begin(), admitted_.end(), [](const Function& f) { return !is_reserved(f); }));
  if (!reserved && (own >= limits_.functions || budget_.left == 0)) {
    refuse(function);
    return false;
  }
  admitted_.insert(function);
  candidates_.erase(function);
  return true;
}

/// By forgetting the least busy of those that were not refused. False when all were.
bool FunctionTable::make_room_for_a_candidate() {
  if (candidates_.size() < limits_.candidates) return true;
  auto least = candidates_.end();
  for (auto one = candidates_.begin(); one != candidates_.end(); ++one) {
    if (one->second.refused) continue;
    if (least == candidates_.end() || one->second.busy_ns < least->second.busy_ns) least = one;
  }
  if (least == candidates_.end()) return false;
  candidates_.erase(least);
  return true;
}

/// Counts it once: in a flood of small ones too, which would leave it no place to be remembered in.
/// When there are only refused ones it is not counted: better too few than one at each hold.
void FunctionTable::refuse(const Function& function) {
  if (!candidates_.contains(function) && !make_room_for_a_candidate()) return;
  Candidate& candidate = candidates_[function];
  if (candidate.refused) return;
  candidate.refused = true;
  ++budget_.folded;
}

const FunctionTable::Function& FunctionTable::owner_of(const Function& function, bool deserves) {
  static const Function kOthers{std::string(stacks::kOther), ""};
  if (admitted_.contains(function)) return function;
  if (is_reserved(function) || deserves) {
    if (admit(function)) return function;
  }
  return kOthers;
}

/// Of one that is not admitted it is remembered whether it was refused.
const FunctionTable::Function& FunctionTable::watched_owner_of(const Function& function,
                                                               bool deserves, uint64_t now_ns) {
  if (!is_admitted(function)) watch(function, now_ns);
  return owner_of(function, deserves);
}

FunctionTable::Series& FunctionTable::make_series(const Function& function, Cause cause,
                                                  uint64_t now_ns) {
  const auto [place, is_new] = series_.try_emplace({function, cause});
  if (is_new) place->second.created_ns = now_ns;
  return place->second;
}

/// That of ~other when the node's budget has no room for one more series of an admitted function.
FunctionTable::Series& FunctionTable::series(const Function& function, Cause cause,
                                             uint64_t now_ns) {
  if (!is_reserved(function) && !series_.contains({function, cause})) {
    if (budget_.left == 0) {
      if (folded_.insert({function, cause}).second) ++budget_.folded;
      return make_series({std::string(stacks::kOther), ""}, cause, now_ns);
    }
    --budget_.left;
    ++granted_;
  }
  return make_series(function, cause, now_ns);
}

uint64_t& FunctionTable::value_of(Counter& counter, uint64_t now_ns) {
  if (counter.created_ns == 0) counter.created_ns = now_ns;
  return counter.value;
}

void FunctionTable::observe_hold(const Hold& hold, std::string advice, uint64_t now_ns) {
  if (hold.hold_ns < kMinObservedHoldNs) return;
  const stacks::Attribution& blamed = hold.stack->attribution;
  const Function function = function_of(hold);
  const Function& owner = watched_owner_of(function, hold.hold_ns >= limits_.admit_hold_ns, now_ns);
  Series& counted = series(owner, hold.cause, now_ns);
  counted.holds.observe(hold.hold_ns);
  counted.longest_ns = std::max(counted.longest_ns, hold.hold_ns);
  if (&owner != &function || is_reserved(function)) return;
  // The longest hold explains best; it fades so that a mended call does not stay on show.
  Description& shown = descriptions_[{function, hold.cause}];
  if (hold.hold_ns < shown.longest_ns) {
    shown.longest_ns -= shown.longest_ns / 64;
    return;
  }
  shown = {blamed.entry, blamed.line, blamed.path, blamed.leaf, std::move(advice), hold.hold_ns};
}

void FunctionTable::observe_turn(const std::vector<Hold>& holds, uint64_t turn_ns) {
  for (const Hold& hold : holds) {
    const Function function = function_of(hold);
    if (is_reserved(function) || !admitted_.contains(function)) continue;
    move_time(moved_[function], turn_ns, hold.hold_ns);
  }
}

void FunctionTable::observe_harm(const Hold& hold, uint64_t harm_ns, uint64_t now_ns) {
  const Function function = function_of(hold);
  const Function& owner = watched_owner_of(function, hold.hold_ns >= limits_.admit_hold_ns, now_ns);
  series(owner, hold.cause, now_ns).harm_ns += harm_ns;
}

void FunctionTable::observe_death(const Hold& hold, uint64_t now_ns) {
  const Function function = function_of(hold);
  ++value_of(deaths_[watched_owner_of(function, true, now_ns)], now_ns);
}

void FunctionTable::add_busy(const BusyShare& share, uint64_t now_ns) {
  const Function function{share.owner.function, share.owner.file};
  const bool deserves = !is_admitted(function) && has_earned(function, share.ns, now_ns);
  series(owner_of(function, deserves), share.cause, now_ns).busy_ns += share.ns;

  std::string entry = share.owner.entry.empty() ? std::string(stacks::kUnknown) : share.owner.entry;
  if (!is_reserved_name(entry) && !entry_names_.contains(entry)) {
    if (entry_names_.size() < limits_.entries) {
      entry_names_.insert(entry);
    } else {
      entry = std::string(stacks::kOther);
    }
  }
  value_of(entries_[{entry, share.cause}], now_ns) += share.ns;
}

/// Of that cause, or, while it had no hold of that cause, of any other: good for where the function
/// is, not for what to do.
const FunctionTable::Description* FunctionTable::description(const Function& function,
                                                             Cause cause) const {
  const auto exact = descriptions_.find({function, cause});
  if (exact != descriptions_.end()) return &exact->second;
  const auto any = descriptions_.lower_bound({function, Cause::cpu});
  return any != descriptions_.end() && any->first.first == function ? &any->second : nullptr;
}

std::vector<FunctionSeries> FunctionTable::functions() const {
  std::vector<FunctionSeries> all;
  all.reserve(series_.size());
  for (const auto& [key, values] : series_) {
    FunctionSeries series;
    series.function = key.first.first;
    series.file = key.first.second;
    series.cause = key.second;
    series.holds = values.holds;
    series.busy_ns = values.busy_ns;
    series.harm_ns = values.harm_ns;
    series.created_ns = values.created_ns;
    series.longest_ns = values.longest_ns;
    if (const Description* shown = description(key.first, key.second)) {
      series.entry = shown->entry;
      series.line = shown->line;
      series.path = shown->path;
    }
    if (const auto own = descriptions_.find(key); own != descriptions_.end()) {
      series.leaf = own->second.leaf;
      series.advice = own->second.advice;
    }
    all.push_back(std::move(series));
  }
  return all;
}

std::map<GainTotals::Function, GainTotals::Part> FunctionTable::parts() const {
  std::map<GainTotals::Function, GainTotals::Part> parts;
  for (const auto& [key, values] : series_) {
    if (!is_reserved(key.first)) parts[key.first].busy_ns += values.busy_ns;
  }
  for (auto& [function, part] : parts) {
    if (const auto moved = moved_.find(function); moved != moved_.end()) {
      part.moved_ns = moved->second;
    }
  }
  return parts;
}

std::vector<DeathSeries> FunctionTable::deaths() const {
  std::vector<DeathSeries> all;
  for (const auto& [function, count] : deaths_) {
    all.push_back({function.first, function.second, count.value, count.created_ns});
  }
  return all;
}

std::vector<EntrySeries> FunctionTable::entries() const {
  std::vector<EntrySeries> all;
  for (const auto& [key, ns] : entries_) {
    all.push_back({key.first, key.second, ns.value, ns.created_ns});
  }
  return all;
}

}  // namespace loopstall::stalls
