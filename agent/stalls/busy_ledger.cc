// SPDX-License-Identifier: Apache-2.0
#include "stalls/busy_ledger.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "base/proportion.h"
#include "stacks/attribution.h"

namespace loopstall::stalls {
namespace {

// The names are the target's: it must not fill the agent with them.
constexpr std::size_t kMaxOwners = 1'000;
// Claims that are right on the average seldom exceed the time by more; those that fall in step
// with the program would pile up for ever.
constexpr uint64_t kMaxDebtNs = 10'000'000'000;

BusyOwner nobody(std::string_view name) {
  return {std::string(name), "", std::string(name), nullptr};
}

BusyOwner unclaimed(Cause cause) {
  return nobody(cause_is_machines(cause) ? stacks::kMachine : stacks::kUnsampled);
}

/// Which exact time a claim is met from.
Cause pool_of(Cause cause) { return cause == Cause::gc ? Cause::cpu : cause; }

template <typename Claims>
uint64_t sum(const Claims& claims) {
  uint64_t total = 0;
  for (const auto& [claimant, ns] : claims) total += ns;
  return total;
}

}  // namespace

/// Takes `part_ns` of all `whole_ns` claims, of each in proportion. The running sums are rounded,
/// not the parts: so the parts add up, and none exceeds its claim.
BusyLedger::Claims BusyLedger::take(Claims& claims, uint64_t part_ns, uint64_t whole_ns) {
  Claims taken;
  uint64_t passed_ns = 0, given_ns = 0;
  for (auto claim = claims.begin(); claim != claims.end();) {
    passed_ns += claim->second;
    const uint64_t ns = base::proportion(part_ns, passed_ns, whole_ns) - given_ns;
    given_ns += ns;
    claim->second -= ns;
    if (ns != 0) taken.emplace(claim->first, ns);
    claim = claim->second == 0 ? claims.erase(claim) : std::next(claim);
  }
  return taken;
}

void BusyLedger::claim(const BusyOwner& owner, Cause cause, uint64_t ns) {
  if (ns == 0 || cause_is_machines(cause)) return;
  Claims& claims = claims_[index(pool_of(cause))];
  const Claimant claimant{owner, cause};
  const bool has_room = claims.size() < kMaxOwners || claims.contains(claimant);
  claims[has_room ? claimant : Claimant{nobody(stacks::kOther), cause}] += ns;
}

std::vector<BusyShare> BusyLedger::settle(const ByCause& exact_ns) {
  std::vector<BusyShare> shares;
  for (std::size_t i = 0; i < kCauseCount; ++i) {
    if (exact_ns[i] == 0) continue;
    const Cause cause = static_cast<Cause>(i);
    const uint64_t claimed_ns = sum(claims_[i]);
    const uint64_t met_ns = std::min(claimed_ns, exact_ns[i]);
    for (const auto& [claimant, ns] : take(claims_[i], met_ns, claimed_ns)) {
      shares.push_back({claimant.owner, claimant.cause, ns});
    }
    if (met_ns < exact_ns[i]) shares.push_back({unclaimed(cause), cause, exact_ns[i] - met_ns});
    if (claimed_ns - met_ns > kMaxDebtNs) {
      take(claims_[i], claimed_ns - met_ns - kMaxDebtNs, claimed_ns - met_ns);
    }
  }
  return shares;
}

}  // namespace loopstall::stalls
