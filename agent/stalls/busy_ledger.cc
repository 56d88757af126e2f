// SPDX-License-Identifier: Apache-2.0
#include "stalls/busy_ledger.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "base/proportion.h"
#include "stacks/attribution.h"

namespace loopstall::stalls {
namespace {

BusyOwner unclaimed(Cause cause) {
  // Before its first frame runs, a woken loop waits for a CPU inside its selector.
  const std::string_view name =
      cause == Cause::runqueue ? stacks::kFramework : stacks::kUnsampled;
  return {std::string(name), "", std::string(name)};
}

}  // namespace

void BusyLedger::claim(const BusyOwner& owner, Cause cause, uint64_t ns) {
  if (ns != 0) claims_[index(cause)][owner] += ns;
}

std::vector<BusyShare> BusyLedger::settle(const ByCause& exact_ns) {
  std::vector<BusyShare> shares;
  for (std::size_t i = 0; i < kCauseCount; ++i) {
    const Cause cause = static_cast<Cause>(i);
    auto& claims = claims_[i];
    uint64_t left = exact_ns[i];
    if (left == 0) continue;
    uint64_t claimed = 0;
    for (const auto& [owner, ns] : claims) claimed += ns;
    if (claimed <= left) {
      for (const auto& [owner, ns] : claims) shares.push_back({owner, cause, ns});
      left -= claimed;
      if (left != 0) shares.push_back({unclaimed(cause), cause, left});
      claims.clear();
      continue;
    }
    const uint64_t exact = left;
    for (auto claim = claims.begin(); claim != claims.end();) {
      const bool last = std::next(claim) == claims.end();
      uint64_t part = base::proportion(exact, claim->second, claimed);
      if (last) part = std::min(left, claim->second);
      if (part != 0) shares.push_back({claim->first, cause, part});
      left -= part;
      claim->second -= part;
      claim = claim->second == 0 ? claims.erase(claim) : std::next(claim);
    }
  }
  return shares;
}

}  // namespace loopstall::stalls
