// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "base/clock.h"
#include "host/procfs.h"
#include "probes/probes.h"
#include "stacks/python_process.h"

namespace loopstall::bpf_test {

/// The least user space that the programs need: it describes the watched processes and calls each
/// wait home that `is_home` accepts. What it does not know it leaves alone.
class Observer {
 public:
  explicit Observer(const probes::ProbeOptions& options = {});

  /// Empty when the programs are attached; else why not.
  const std::string& error() const { return error_; }

  void watch(pid_t pid) { watched_.insert(static_cast<uint32_t>(pid)); }
  /// Describes a process at once, as the scan at the agent's start does.
  bool describe_now(pid_t pid);
  /// Hands over a loop that exists already; its slot is returned.
  uint32_t seed(pid_t pid, int home_fd, stalls::Cause cause, bool in_turn);

  /// Collects events for about `ms`.
  void pump(int ms);
  /// Pumps until `condition` or `seconds` have passed; whether it came true.
  bool until(const std::function<bool()>& condition, int seconds = 20);

  /// The slot of the newest loop of a process.
  std::optional<uint32_t> slot_of(pid_t pid) const;
  std::optional<stalls::LoopAccount> account(pid_t pid) const;
  /// Pumps until the loop of `pid` has begun `turns` turns; false when it does not come to that.
  bool until_turns(pid_t pid, uint64_t turns);

  uint64_t lost(std::string_view reason) const;
  probes::Probes& probes() { return *probes_; }
  uint64_t now_ns() const { return base::system_clock().monotonic_ns(); }

  std::vector<probes::Event> events;  ///< of watched processes

  /// An answer "home", and the question that it was given to.
  struct Accepted {
    uint32_t slot = 0;
    uint64_t question = 0;
    uint64_t asked_ns = 0;
  };
  std::vector<Accepted> accepted;
  /// Answers come this much later, as those of a busy agent do.
  uint64_t answer_delay_ns = 0;
  /// What the programs shall hold a process for.
  std::function<void(stacks::PythonProcess&)> adjust = [](stacks::PythonProcess&) {};
  std::function<bool(const probes::Event&)> is_home = [](const probes::Event&) { return true; };

 private:
  void handle(const probes::Event& event);
  void judge(const probes::Event& event);
  void judge_what_is_due();
  uint32_t take_slot(uint32_t pid);

  host::Procfs procfs_;
  stacks::PythonInspector inspector_;
  std::unique_ptr<probes::Probes> probes_;
  std::string error_;
  std::set<uint32_t> watched_;
  std::deque<probes::Event> questions_;
  std::map<uint32_t, uint32_t> slots_;
  uint32_t next_slot_ = 0;
};

/// The number of the only epoll descriptor of a process; -1 when it has none or several.
int only_epoll(pid_t pid);

}  // namespace loopstall::bpf_test
