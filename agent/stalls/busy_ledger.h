// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "stalls/cause.h"
#include "stalls/turn.h"

namespace loopstall::stalls {

/// Whom busy time is counted for.
struct BusyOwner {
  std::string function;
  std::string file;
  std::string entry;
  KnownStackPtr stack = nullptr;  ///< where it was seen; null unless stacks are kept

  auto operator<=>(const BusyOwner&) const = default;
};

struct BusyShare {
  BusyOwner owner;
  Cause cause = Cause::other;
  uint64_t ns = 0;
};

/// Splits one loop's exact busy time among functions without bias: every tick claims its period,
/// every block its time or its weight, and all claims of a cause are met from the exact time of
/// that cause. Time that nobody claims is ~unsampled, the machine's time is ~machine's; claims
/// beyond the time there is (a tick is 10 ms, a turn may be shorter) wait for the next settlement,
/// up to 10 s of them. So the shares add up to the busy time at every settlement, and no share is
/// ever taken back. Bounded: beyond 1,000 owners of a cause, claims are ~other's. The collector's
/// time (gc) is a sampled share of `cpu`: its claims are met from that, together with those of cpu.
class BusyLedger {
 public:
  /// Without effect for the causes that are the machine's: they are nobody's fault.
  void claim(const BusyOwner& owner, Cause cause, uint64_t ns);

  /// `exact_ns` is the busy time by cause since the last settlement; it has gc's within cpu.
  std::vector<BusyShare> settle(const ByCause& exact_ns);

 private:
  struct Claimant {
    BusyOwner owner;
    Cause cause;

    auto operator<=>(const Claimant&) const = default;
  };
  using Claims = std::map<Claimant, uint64_t>;

  static Claims take(Claims& claims, uint64_t part_ns, uint64_t whole_ns);

  std::array<Claims, kCauseCount> claims_;  // by the cause that they are met from
};

}  // namespace loopstall::stalls
