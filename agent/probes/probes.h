// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "probes/event.h"
#include "probes/options.h"
#include "probes/slots.h"
#include "stacks/python_process.h"
#include "stalls/snapshot.h"

namespace loopstall::probes {

/// A loop that exists already, for seed(); or, with only_answer, a thread that sleeps since it
/// asked and has not fetched its answer, of which no more than pid and tid count.
struct Seed {
  uint32_t pid = 0;
  uint32_t tid = 0;
  uint32_t slot = 0;
  uint32_t generation = 0;
  int32_t home_fd = -1;  ///< -1: not known
  bool in_turn = false;
  stalls::Cause cause = stalls::Cause::other;  ///< of the wait it is in
  uint32_t runtime = 0;                        ///< of the loop; see remember()
  uint64_t seen_ns = 0;
  bool native = false;    ///< it runs no Python
  uint64_t switches = 0;  ///< context switches of the thread just before seen_ns; 0: not known
  bool only_answer = false;
};

/// What a verdict is about: a thread's question about the wait that it is in.
struct WaitIdentity {
  uint32_t pid = 0;
  uint32_t tid = 0;
  uint64_t question = 0;

  auto operator<=>(const WaitIdentity&) const = default;
};

/// When a process that holds no loop is worth another look: at its next wait after `look_again_ns`
/// at which it has another number of executable pages than these (it mapped a library since).
struct IgnoredUntil {
  uint64_t code_pages = 0;
  uint64_t look_again_ns = ~uint64_t{0};  ///< CLOCK_MONOTONIC
};

/// The BPF programs and their maps: what the kernel tells, and what it is told. One thread uses
/// it; destroying it detaches and unloads everything.
class Probes {
 public:
  /// Fails with ErrorKind::environment: privileges, BTF, or a kernel that refuses.
  static base::Result<std::unique_ptr<Probes>> attach(const ProbeOptions& options);
  ~Probes();

  /// Waits for events for at most `timeout_ms` and hands each to `sink`. Discovery ends the wait
  /// at once; the rest is collected when the time is up.
  void poll(int timeout_ms, const std::function<void(Event&&)>& sink);

  /// Tells how to walk the stacks of a process. False when a map is full: of processes, or of
  /// layouts of single builds.
  bool describe(const stacks::PythonProcess& process);
  /// Its threads need not be announced again, for good or for a while.
  bool ignore(pid_t pid, uint64_t start_boot_ns, const IgnoredUntil& until = {});

  /// What was said of a process that has ended meanwhile is taken back.
  void forget(pid_t pid);

  /// The wait is home: the loop's account is `slot`. False when the map is full.
  bool accept(const WaitIdentity& wait, uint32_t slot, uint32_t generation, uint32_t runtime = 0);
  bool refuse(const WaitIdentity& wait);
  /// Waits of the process with that signature need no question from now on. `runtime` is the
  /// loop's, and comes back with LoopBegan; nothing: no home wait.
  void remember(uint32_t pid, uint64_t signature, std::optional<uint32_t> runtime);
  /// Gives a prepared slot away for a loop that begins without a question. False when there are
  /// enough.
  bool offer_slot(uint32_t slot, uint32_t generation);
  /// How much is measured from here on. False, with the reason in the log, when the hooks of more
  /// detail cannot be attached again: what was measured goes on.
  bool set_detail(stalls::Detail detail);
  /// Hooks poll and select too, or no longer: they are common, so only while a loop needs it.
  void watch_polls(bool watch);
  /// Takes back an answer that its thread has not fetched. True if there was one.
  bool withdraw(const WaitIdentity& wait);

  /// Hands over loops that exist already; their slots must be prepared.
  void seed(std::span<const Seed> seeds);

  /// Gives up what attaching needed, for this thread and those that it starts from now on; see
  /// probes/privileges.h. Returns the names of the capabilities that are kept.
  base::Result<std::string> drop_capabilities();

  Slots& slots() { return slots_; }
  const std::vector<stalls::HookChoice>& hooks() const;

  struct Health {
    std::vector<stalls::ReasonCount> events_lost;  ///< every reason, zeros included
    std::vector<stalls::ReasonCount> stack_errors;
    std::vector<stalls::ProgramCost> programs;
  };
  Health health() const;

 private:
  struct Loaded;
  std::optional<uint32_t> layout_row(const stacks::PythonProcess& process);
  void plant_seeds();
  Probes(std::unique_ptr<Loaded> loaded, Slots slots);

  std::unique_ptr<Loaded> loaded_;
  Slots slots_;
  const std::function<void(Event&&)>* sink_ = nullptr;
  uint64_t undecodable_ = 0;
};

}  // namespace loopstall::probes
