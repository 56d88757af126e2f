// SPDX-License-Identifier: Apache-2.0
#include "exposition/loop_json.h"

namespace loopstall::exposition {

Json stack_json(const stacks::Stack& stack) {
  Json frames = Json::array();
  for (const stacks::Frame& frame : stack.frames) {
    frames.push_back({{"function", frame.function},
                      {"file", frame.file},
                      {"line", frame.line},
                      {"path", frame.path},
                      {"origin", stacks::origin_name(frame.origin)},
                      {"why", stacks::ownership_name(frame.ownership)},
                      {"kind", stacks::kind_name(frame.kind)}});
  }
  return frames;
}

Json loop_json(const stalls::LoopState& loop, const TurnNow& now) {
  const bool stack_is_of_turn = has_stacks_of(loop, now);
  return {{"pid", loop.pid},
          {"tid", loop.tid},
          {"state", now.is_busy() ? "busy" : "idle"},
          {"phase", loop.phase},
          {"turn_age_seconds", seconds(now.age_ns)},
          {"turn_age_at_least", now.turn.at_least},
          {"idle_seconds", seconds(now.idle_ns)},
          {"cause", stalls::cause_name(now.turn.cause)},
          {"utilization", loop.utilization_60s},
          {"stack", stack_json(stack_is_of_turn ? loop.stack : stacks::Stack{})},
          {"gil_holder", stack_json(stack_is_of_turn ? loop.gil_holder : stacks::Stack{})}};
}

}  // namespace loopstall::exposition
