// SPDX-License-Identifier: Apache-2.0
#include "session/stall_records.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "base/proportion.h"
#include "stalls/advice.h"

namespace loopstall::session {
namespace {

constexpr std::size_t kMaxHolds = 20;

/// A weight stands for as many spans like this one as fit into it.
uint64_t waits_of(const stalls::BlockSample& block) {
  if (block.weight_ns == 0 || block.length_ns() == 0) return 1;
  return std::max<uint64_t>(1, (block.weight_ns + block.length_ns() / 2) / block.length_ns());
}

std::vector<stalls::StallSyscall> blocked_syscalls(const stalls::Turn& turn) {
  struct Blocked {
    uint64_t ns = 0;
    uint64_t waits = 0;
  };
  std::map<std::pair<std::string_view, std::string_view>, Blocked> blocked;
  for (const stalls::BlockSample& block : turn.blocks) {
    if (block.syscall.empty() || block.blocked_ns == 0) continue;
    // A weight stands for short spans like this one, their waits for a CPU included.
    const uint64_t ns = block.weight_ns == 0 ? block.blocked_ns
                                             : base::proportion(block.weight_ns, block.blocked_ns,
                                                                block.length_ns());
    Blocked& of_call = blocked[{block.syscall, block.fd_kind}];
    of_call.ns += ns;
    if (!block.continues) of_call.waits += waits_of(block);
  }
  std::vector<stalls::StallSyscall> syscalls;
  for (const auto& [call, sum] : blocked) {
    syscalls.push_back({std::string(call.first), std::string(call.second), sum.ns, sum.waits});
  }
  std::stable_sort(syscalls.begin(), syscalls.end(),
                   [](const auto& a, const auto& b) { return a.blocked_ns > b.blocked_ns; });
  return syscalls;
}

stalls::StallHold describe(const stalls::Hold& hold, const stalls::OwnAdvice& own) {
  const stacks::Attribution& blamed = hold.stack->attribution;
  stalls::StallHold described;
  described.function = blamed.function;
  described.entry = blamed.entry;
  described.leaf = blamed.leaf;
  described.file = blamed.file;
  described.path = blamed.path;
  described.line = blamed.line;
  if (blamed.culprit) {
    const stacks::Frame& frame = hold.stack->stack.frames[*blamed.culprit];
    described.why = stacks::ownership_name(frame.ownership);
  }
  described.cause = hold.cause;
  described.syscall = std::string(hold.syscall);
  described.hold_ns = hold.hold_ns;
  described.coroutines = hold.coroutines;
  described.stack = hold.stack->stack;
  described.advice = advice_of(hold, own);
  return described;
}

/// SIGKILL, or its number where it has no name: a real-time signal.
std::string signal_name(int signal) {
  const char* name = sigabbrev_np(signal);
  return name == nullptr ? fmt::format("SIG{}", signal) : fmt::format("SIG{}", name);
}

stalls::StallDeath describe(const stalls::Death& death) {
  stalls::StallDeath described;
  if (death.signal() != 0) {
    described.signal = signal_name(death.signal());
  } else {
    described.status = death.status();
  }
  if (death.last_stack) described.stack = death.last_stack->stack;
  return described;
}

}  // namespace

stalls::StallRecord make_stall_record(const stalls::Turn& turn,
                                      const std::vector<stalls::Hold>& holds,
                                      const stalls::OwnAdvice& own) {
  stalls::StallRecord record;
  record.phase = turn.serving ? "serving" : "startup";
  record.start_monotonic_ns = turn.start_ns;
  record.duration_ns = turn.duration_ns();
  record.at_least = turn.at_least;
  record.cause = turn.dominant;
  record.cause_ns = turn.cause_ns;
  record.syscalls = blocked_syscalls(turn);
  record.coroutines = stalls::coroutines_of(turn);
  if (turn.death) record.death = describe(*turn.death);
  for (const stalls::Hold& hold : holds) {
    if (record.holds.size() >= kMaxHolds) break;
    record.holds.push_back(describe(hold, own));
  }
  return record;
}

std::string stall_id(uint64_t number) {
  static constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";
  std::string id;
  for (uint64_t rest = number; rest != 0; rest /= kDigits.size()) {
    id.insert(id.begin(), kDigits[rest % kDigits.size()]);
  }
  return id;
}

std::string advice_of(const stalls::Hold& hold, const stalls::OwnAdvice& own) {
  const stacks::Attribution& blamed = hold.stack->attribution;
  const bool has_advice = blamed.function == stacks::kGc || cause_is_machines(hold.cause);
  if (blamed.function.starts_with('~') && !has_advice) return {};
  return stalls::advice_for(hold.stack->stack, blamed, hold.cause, hold.syscall, own);
}

}  // namespace loopstall::session
