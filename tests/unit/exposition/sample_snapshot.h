// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "stalls/snapshot.h"

namespace loopstall::exposition::testing {

/// Monotonic and wall time of sample_snapshot().
inline constexpr uint64_t kTakenNs = 5'000'000'000'000;
inline constexpr uint64_t kTakenWallNs = 1'795'377'600'123'000'000;  // 2026-11-22T20:00:00.123Z

/// Two services, one of them in Kubernetes and with names that a hostile program may choose; one
/// loop is held, one stall is recorded.
stalls::Snapshot sample_snapshot();

/// A label value with everything that an exposition must escape: quote, backslash, line break,
/// markup, an invalid byte.
inline constexpr const char* kHostileName = "<img src=x onerror=alert(1)> \"\\\n\xff";

/// Of the loop that is in its seventh turn; the others have slot 0.
inline constexpr uint32_t kBusySlot = 3;

class FixedClock final : public base::Clock {
 public:
  uint64_t monotonic_ns() const override { return monotonic; }
  uint64_t wall_ns() const override { return kTakenWallNs; }
  uint64_t monotonic = kTakenNs;
};

class FixedSource final : public stalls::SnapshotSource {
 public:
  explicit FixedSource(stalls::Snapshot snapshot)
      : snapshot_(std::make_shared<const stalls::Snapshot>(std::move(snapshot))) {}
  std::shared_ptr<const stalls::Snapshot> snapshot() const override { return snapshot_; }
  std::optional<stalls::TurnInProgress> turn_of(const stalls::LoopState& loop) const override {
    const auto found = turns_by_slot.find(loop.slot);
    if (found == turns_by_slot.end()) return std::nullopt;
    return found->second;
  }
  std::map<uint32_t, stalls::TurnInProgress> turns_by_slot;  ///< newer than those of the snapshot

 private:
  std::shared_ptr<const stalls::Snapshot> snapshot_;
};

}  // namespace loopstall::exposition::testing
