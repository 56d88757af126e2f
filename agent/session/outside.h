// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "probes/probes.h"
#include "session/canary_book.h"
#include "session/stack_requests.h"
#include "stalls/account_audit.h"
#include "stalls/loop_account.h"
#include "stalls/snapshot.h"
#include "stalls/stall_record.h"

namespace loopstall::session {

/// An account at an instant of its own, with what the scheduler says of its thread then.
struct AuditReading {
  stalls::LoopAccount account;
  stalls::SchedulerBook book;
  uint64_t now_ns = 0;  ///< CLOCK_MONOTONIC
};

/// All that a measurement asks of the machine and tells it, but for events and answers of the
/// resolver, which come to it. Everything that it decides follows from these: a recording of them
/// gives the same numbers again. One thread uses it.
class Outside : public StackRequests {
 public:
  // ---- time: the same throughout one step of the session
  virtual uint64_t monotonic_ns() = 0;
  virtual uint64_t wall_ns() = 0;

  // ---- the accounts in the kernel: see probes::Slots
  virtual uint32_t slot_count() = 0;
  virtual std::optional<stalls::LoopAccount> read_slot(uint32_t slot) = 0;
  /// CLOCK_MONOTONIC at this very moment: no account that has been read is of later.
  virtual uint64_t clock_ns() = 0;
  virtual std::optional<probes::OpenSpan> open_span(uint32_t slot, uint32_t generation,
                                                    uint64_t begun_before_ns,
                                                    uint64_t known_since_ns) = 0;
  virtual std::optional<AuditReading> read_for_audit(uint32_t slot, uint32_t pid, uint32_t tid) = 0;
  virtual void prepare_slot(uint32_t slot, uint32_t generation, uint64_t since_ns) = 0;
  virtual void prepare_slot_in_turn(uint32_t slot, uint32_t generation, uint64_t since_ns,
                                    stalls::Cause cause) = 0;
  virtual void finish_slot(uint32_t slot, uint64_t end_ns, const probes::LoopUnheard& unheard) = 0;
  virtual bool retire_slot(uint32_t slot) = 0;
  virtual void release_slot(uint32_t slot) = 0;

  // ---- what the programs are told: see probes::Probes
  virtual bool describe(const stacks::PythonProcess& process) = 0;
  virtual void ignore(uint32_t pid, uint64_t start_boot_ns, const probes::IgnoredUntil& until) = 0;
  virtual void forget_process(uint32_t pid) = 0;
  virtual bool accept(const probes::WaitIdentity& wait, uint32_t slot, uint32_t generation,
                      uint32_t runtime) = 0;
  virtual void refuse(const probes::WaitIdentity& wait) = 0;
  virtual void withdraw(const probes::WaitIdentity& wait) = 0;
  virtual void remember(uint32_t pid, uint64_t signature, std::optional<uint32_t> runtime) = 0;
  virtual bool offer_slot(uint32_t slot, uint32_t generation) = 0;
  virtual void watch_polls(bool watch) = 0;
  virtual void seed(std::span<const probes::Seed> seeds) = 0;
  virtual std::vector<stalls::HookChoice> hooks() = 0;
  virtual probes::Probes::Health kernel_health() = 0;

  // ---- processes
  /// Its start, as /proc shows it; nothing when it has ended or ends.
  virtual std::optional<uint64_t> start_of(uint32_t pid) = 0;
  virtual std::string executable_of(uint32_t pid) = 0;
  /// Whether one of those is its parent, or the parent of that, and so on.
  virtual bool descends_from(uint32_t pid, const std::vector<uint32_t>& ancestors) = 0;
  virtual bool has_thread(uint32_t pid, uint32_t tid) = 0;

  // ---- the resolver; its answers are given to the measurement
  virtual void inspect(uint32_t pid) = 0;
  virtual void count_pool(uint32_t pid) = 0;
  virtual void forget_names(uint32_t pid) = 0;

  // ---- the rest
  /// The agent's own loop, if it has one, gets that slot.
  virtual bool seed_canary(uint32_t slot, uint32_t generation) = 0;
  virtual std::vector<CanaryHold> take_canary_holds() = 0;
  /// Where the numbers of stall records begin.
  virtual uint64_t first_record() = 0;
  virtual void log(std::shared_ptr<const stalls::StallRecord> record) = 0;
  virtual uint64_t suppressed_records() = 0;
};

}  // namespace loopstall::session
