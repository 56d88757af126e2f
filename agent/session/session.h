// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/config.h"
#include "probes/slots.h"
#include "session/budget.h"
#include "stalls/history.h"
#include "stalls/snapshot.h"
#include "stalls/stack_time.h"

namespace loopstall::session {

struct Step;

/// One running measurement. Its thread drains the events and owns all state; everybody else reads
/// the snapshots that it publishes.
class Session : public stalls::SnapshotSource {
 public:
  /// Attaches and starts; the first scan goes on in the background. `clock` must outlive it. Fails
  /// with ErrorKind::environment: privileges, kernel, a pid that does not exist, the stall log.
  static base::Result<std::unique_ptr<Session>> start(const config::Config& config,
                                                      const base::Clock& clock);
  ~Session() override;

  /// Detaches everything. Idempotent; the last snapshot and the stack times stay.
  void stop();

  /// After stop(): see Measurement::stack_times().
  const std::vector<stalls::ServiceStackTimes>& stack_times() const { return stack_times_; }

  std::shared_ptr<const stalls::Snapshot> snapshot() const override;
  std::optional<stalls::TurnInProgress> turn_of(const stalls::LoopState& loop) const override;

 private:
  struct Parts;
  explicit Session(std::unique_ptr<Parts> parts);
  void run(std::stop_token stop);
  Step wait_for_step();
  void publish();
  uint64_t cost_ns() const;
  void keep_budget(uint64_t now_ns);

  std::unique_ptr<Parts> parts_;  // used by thread_ while it runs
  Budget budget_;                 // likewise
  stalls::History history_;       // likewise
  std::vector<stalls::ServiceStackTimes> stack_times_;
  std::shared_ptr<const stalls::History> shown_history_;
  mutable std::mutex mutex_;
  std::shared_ptr<const stalls::Snapshot> snapshot_;  // guarded by mutex_
  const probes::Slots* slots_ = nullptr;              // of parts_; guarded by mutex_
  std::jthread thread_;
};

}  // namespace loopstall::session
