// SPDX-License-Identifier: Apache-2.0
#include "loops/home_wait.h"

#include <algorithm>
#include <cstddef>

#include "loops/frame_rule.h"

namespace loopstall::loops {
namespace {

/// A loop whose selector and loop frame are Python: the wait is home when `loop` itself calls
/// `selector` and nothing else. The selector may be a class of the application's that calls the
/// standard one.
struct StackRule {
  RuntimeKind kind;
  FrameRule selector;
  FrameRule loop;
};

constexpr StackRule kStackRules[] = {
    {RuntimeKind::asyncio, {"select", "/selectors.py"}, {"_run_once", "/asyncio/base_events.py"}},
    {RuntimeKind::trio, {"get_events", "/trio/_core/_io_epoll.py"}, {"run", "/trio/_core/_run.py"}},
};

/// Frames that run a loop which leaves no frames itself.
constexpr FrameRule kRunners[] = {
    {"run", "/asyncio/runners.py"},
    {"run_until_complete", "/asyncio/base_events.py"},
};

/// What a forked child runs first; all that called it is the parent's: a pool that is started
/// inside a coroutine has workers with the loop's frames on their stacks, and no loop.
constexpr FrameRule kChildBegins[] = {
    {"_bootstrap", "/multiprocessing/process.py"},
    {"_bootstrap", "/billiard/process.py"},
};

/// The innermost frame that is no selector's.
auto deciding_frame(const std::vector<FrameName>& stack, const StackRule& rule) {
  return std::find_if_not(stack.begin(), stack.end(), [&](const FrameName& frame) {
    return is_named(frame, rule.selector.function);
  });
}

bool is_home_stack(const std::vector<FrameName>& stack, const StackRule& rule) {
  const auto loop = deciding_frame(stack, rule);
  return loop != stack.begin() && loop != stack.end() && matches(*loop, rule.loop);
}

bool contains(const std::vector<FrameName>& stack, const FrameRule& rule) {
  return std::any_of(stack.begin(), stack.end(),
                     [&](const FrameName& frame) { return matches(frame, rule); });
}

/// Leaves the frames that the process itself has entered.
void drop_inherited(std::vector<FrameName>& stack) {
  const auto child = std::find_if(stack.begin(), stack.end(), [](const FrameName& frame) {
    return std::any_of(std::begin(kChildBegins), std::end(kChildBegins),
                       [&](const FrameRule& rule) { return matches(frame, rule); });
  });
  stack.erase(child, stack.end());
}

bool innermost_is_selector(const std::vector<FrameName>& stack) {
  return !stack.empty() &&
         std::any_of(std::begin(kStackRules), std::end(kStackRules),
                     [&](const StackRule& rule) { return matches(stack[0], rule.selector); });
}

}  // namespace

std::string_view runtime_name(RuntimeKind kind) {
  switch (kind) {
    case RuntimeKind::asyncio:
      return "asyncio";
    case RuntimeKind::uvloop:
      return "uvloop";
    case RuntimeKind::trio:
      return "trio";
    case RuntimeKind::none:
      break;
  }
  return "none";
}

RuntimeKind judge_epoll_wait(const EpollWait& wait) {
  for (const StackRule& rule : kStackRules) {
    if (is_home_stack(wait.stack, rule)) return rule.kind;
  }
  if (wait.process_has_uvloop && wait.max_events == kLibuvMaxEvents && !wait.stack.empty() &&
      !innermost_is_selector(wait.stack)) {
    return RuntimeKind::uvloop;
  }
  return RuntimeKind::none;
}

bool is_undecidable(const EpollWait& wait) {
  return std::any_of(std::begin(kStackRules), std::end(kStackRules), [&](const StackRule& rule) {
    const auto frame = deciding_frame(wait.stack, rule);
    return frame != wait.stack.end() && frame->function.empty();
  });
}

bool is_decided_by(const EpollWait& wait, std::size_t frames) {
  // Whether the process has uvloop can change, and decides where it has not.
  if (wait.max_events == kLibuvMaxEvents && !wait.process_has_uvloop) return false;
  if (is_undecidable(wait)) return false;
  const auto end =
      wait.stack.begin() + static_cast<std::ptrdiff_t>(std::min(frames, wait.stack.size()));
  return std::all_of(std::begin(kStackRules), std::end(kStackRules),
                     [&](const StackRule& rule) { return deciding_frame(wait.stack, rule) < end; });
}

LoopSighting judge_running_thread(EpollWait seen, bool in_epoll) {
  drop_inherited(seen.stack);
  if (in_epoll) {
    const RuntimeKind kind = judge_epoll_wait(seen);
    if (kind != RuntimeKind::none) return {kind, true};
  }
  for (const StackRule& rule : kStackRules) {
    if (contains(seen.stack, rule.loop)) return {rule.kind, false};
  }
  if (seen.process_has_uvloop &&
      std::any_of(std::begin(kRunners), std::end(kRunners),
                  [&](const FrameRule& rule) { return contains(seen.stack, rule); })) {
    return {RuntimeKind::uvloop, false};
  }
  return {};
}

}  // namespace loopstall::loops
