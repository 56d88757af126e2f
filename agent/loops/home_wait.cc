// SPDX-License-Identifier: Apache-2.0
#include "loops/home_wait.h"

#include <algorithm>
#include <cstddef>

namespace loopstall::loops {
namespace {

struct FrameRule {
  std::string_view function;
  std::string_view file;
};

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

/// Qualified names end with the plain name: EpollSelector.select.
bool is_named(const FrameName& frame, std::string_view function) {
  if (!frame.function.ends_with(function)) return false;
  const std::size_t before = frame.function.size() - function.size();
  return before == 0 || frame.function[before - 1] == '.';
}

bool matches(const FrameName& frame, const FrameRule& rule) {
  return frame.path.ends_with(rule.file) && is_named(frame, rule.function);
}

bool is_home_stack(const std::vector<FrameName>& stack, const StackRule& rule) {
  const auto loop = std::find_if_not(stack.begin(), stack.end(), [&](const FrameName& frame) {
    return is_named(frame, rule.selector.function);
  });
  return loop != stack.begin() && loop != stack.end() && matches(*loop, rule.loop);
}

bool contains(const std::vector<FrameName>& stack, const FrameRule& rule) {
  return std::any_of(stack.begin(), stack.end(),
                     [&](const FrameName& frame) { return matches(frame, rule); });
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

bool is_decided_by(const EpollWait& wait, std::size_t frames) {
  // Whether the process has uvloop can change, and decides where it has not.
  if (wait.max_events == kLibuvMaxEvents && !wait.process_has_uvloop) return false;
  const auto end =
      wait.stack.begin() + static_cast<std::ptrdiff_t>(std::min(frames, wait.stack.size()));
  // The first frame that is no selector's decides each rule.
  return std::all_of(std::begin(kStackRules), std::end(kStackRules), [&](const StackRule& rule) {
    return std::any_of(wait.stack.begin(), end, [&](const FrameName& frame) {
      return !is_named(frame, rule.selector.function);
    });
  });
}

LoopSighting judge_running_thread(const EpollWait& seen, bool in_epoll) {
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
