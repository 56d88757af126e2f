// SPDX-License-Identifier: Apache-2.0
#include "terminal/loop_now.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "stalls/advice.h"
#include "terminal/quantities.h"
#include "terminal/stack_lines.h"

namespace loopstall::terminal {
namespace {

void blame(LoopNow& loop, const stalls::OwnAdvice& own) {
  const bool is_gil = loop.waits_for_gil();
  const stacks::Stack& stack = is_gil ? loop.loop.gil_holder : loop.loop.stack;
  if (stack.frames.empty() || stalls::cause_is_machines(loop.now.turn.cause)) return;
  loop.blamed = stacks::attribute(stack);
  if (!loop.blamed.culprit) return;
  const stalls::Cause cause = is_gil ? stalls::Cause::gil : loop.now.turn.cause;
  loop.advice = stalls::advice_for(stack, loop.blamed, cause, {}, own);
}

LoopNow loop_now(const loops::LoopLabels& labels, const stalls::LoopState& state,
                 const stalls::Snapshot& snapshot, const exposition::Present& present) {
  LoopNow loop{labels, state, exposition::turn_now(state, snapshot.monotonic_ns, present), {}, {}};
  if (!exposition::has_stacks_of(state, loop.now)) {
    loop.loop.stack = {};
    loop.loop.gil_holder = {};
  }
  blame(loop, snapshot.own_advice ? *snapshot.own_advice : stalls::OwnAdvice());
  return loop;
}

}  // namespace

std::vector<LoopNow> loops_now(const stalls::Snapshot& snapshot,
                               const exposition::Present& present) {
  std::vector<LoopNow> loops;
  for (const stalls::ServiceSnapshot& service : snapshot.services) {
    for (const stalls::LoopState& state : service.loops) {
      loops.push_back(loop_now(service.labels, state, snapshot, present));
    }
  }
  const auto rank = [](const LoopNow& loop) {
    return std::tuple(loop.now.age_ns, loop.loop.utilization_60s);
  };
  std::stable_sort(loops.begin(), loops.end(), [&](const LoopNow& one, const LoopNow& other) {
    return rank(one) > rank(other);
  });
  return loops;
}

std::vector<std::string> where_lines(const LoopNow& loop) {
  std::vector<std::string> lines;
  const auto add = [&](const stacks::Stack& stack, std::optional<std::size_t> marked) {
    for (const std::string& line : stack_lines(stack, marked)) lines.push_back("  " + line);
  };
  const std::optional<std::size_t> culprit = loop.blamed.culprit;
  add(loop.loop.stack, loop.waits_for_gil() ? std::nullopt : culprit);
  if (!loop.waits_for_gil()) return lines;
  lines.emplace_back("the GIL is held at");
  add(loop.loop.gil_holder, culprit);
  return lines;
}

std::string state_text(const LoopNow& loop) {
  if (!loop.now.is_busy()) {
    return loop.now.idle_ns == 0 ? "idle"
                                 : fmt::format("idle for {}", duration_text(loop.now.idle_ns));
  }
  return fmt::format("busy for {}{}: {}", loop.now.turn.at_least ? "at least " : "",
                     duration_text(loop.now.age_ns), stalls::cause_name(loop.now.turn.cause));
}

}  // namespace loopstall::terminal
