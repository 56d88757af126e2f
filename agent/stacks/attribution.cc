// SPDX-License-Identifier: Apache-2.0
#include "stacks/attribution.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "stacks/import_root.h"
#include "stacks/well_known.h"

namespace loopstall::stacks {
namespace {

constexpr std::size_t kMaxPathBytes = 1'024;

constexpr auto kComprehensions =
    std::to_array<std::string_view>({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"});

// The part of a stack that belongs to the turn: the frames inside the innermost one that runs the
// loop. What is outside merely started it: a main.py that calls uvicorn.run() is not to blame.
struct Turn {
  const std::vector<Frame>& frames;
  std::size_t end = 0;    // frames[0, end) are inside
  bool complete = false;  // nothing of the turn is missing
};

Turn turn_of(const Stack& stack) {
  const auto& frames = stack.frames;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (dispatch_of(frames[i]) == Dispatch::loop) return {frames, i, true};
  }
  return {frames, frames.size(), !stack.truncated};
}

bool is_blamable(const Frame& frame, Origin origin) {
  return frame.origin == origin && !frame.transparent;
}

std::optional<std::size_t> innermost(const Turn& turn, Origin origin) {
  for (std::size_t i = 0; i < turn.end; ++i) {
    if (is_blamable(turn.frames[i], origin)) return i;
  }
  return std::nullopt;
}

std::optional<std::size_t> find_culprit(const Turn& turn) {
  if (const auto application = innermost(turn, Origin::application)) return application;
  return innermost(turn, Origin::third_party);
}

std::string_view reserved_name(const Turn& turn) {
  // A user's frame may be among those that are missing.
  if (turn.frames.empty() || !turn.complete) return kUnknown;
  return innermost(turn, Origin::synthetic) ? kGenerated : kFramework;
}

// Towards the leaf from each dispatch frame, the innermost first, the next application frame.
std::optional<std::size_t> entry_by_dispatch(const Turn& turn) {
  std::optional<std::size_t> candidate;
  const std::size_t last = std::min(turn.end, turn.frames.size() - 1);  // the loop's own frame too
  for (std::size_t i = 0; i <= last; ++i) {
    const Frame& frame = turn.frames[i];
    if (candidate && dispatch_of(frame) != Dispatch::none) return candidate;
    if (i < turn.end && is_blamable(frame, Origin::application)) candidate = i;
  }
  return std::nullopt;
}

// A module's own body is where the program starts, not what was asked of it, unless it is all.
std::optional<std::size_t> outermost_application(const Turn& turn) {
  std::optional<std::size_t> outermost;
  for (std::size_t i = 0; i < turn.end; ++i) {
    const Frame& frame = turn.frames[i];
    if (!is_blamable(frame, Origin::application)) continue;
    if (!outermost || frame.function != "<module>") outermost = i;
  }
  return outermost;
}

std::optional<std::size_t> find_entry(const Turn& turn) {
  if (const auto entry = entry_by_dispatch(turn)) return entry;
  return turn.complete ? outermost_application(turn) : std::nullopt;
}

bool is_comprehension(std::string_view name) {
  return std::find(kComprehensions.begin(), kComprehensions.end(), name) != kComprehensions.end();
}

// A comprehension is a piece of the function that it is written in (CPython 3.12 made it one):
// "save.<locals>.<listcomp>" is save, and a plain "<listcomp>" is the next frame of its file.
std::string_view written_in(const std::vector<Frame>& frames, std::size_t index) {
  constexpr std::string_view kLocals = ".<locals>.";
  std::string_view name = frames[index].function;
  for (std::size_t at = name.rfind(kLocals); at != std::string_view::npos;
       at = name.rfind(kLocals)) {
    if (!is_comprehension(name.substr(at + kLocals.size()))) return name;
    name = name.substr(0, at);
  }
  for (std::size_t i = index; is_comprehension(name) && ++i < frames.size();) {
    if (frames[i].path == frames[index].path) name = frames[i].function;
  }
  return name;
}

std::string function_name(const std::vector<Frame>& frames, std::size_t index) {
  return base::bounded_utf8(written_in(frames, index), kMaxFunctionBytes);
}

}  // namespace

Attribution attribute(const Stack& stack) {
  const Turn turn = turn_of(stack);
  Attribution result;
  result.culprit = find_culprit(turn);
  if (result.culprit) {
    const Frame& frame = stack.frames[*result.culprit];
    result.function = function_name(stack.frames, *result.culprit);
    result.file = base::bounded_utf8_tail(frame.file, kMaxFileLabelBytes);
    result.path = base::bounded_utf8_tail(frame.path, kMaxPathBytes);
    result.line = frame.line;
  } else {
    result.function = reserved_name(turn);
  }
  if (stack.frames.empty()) return result;
  result.entry_frame = find_entry(turn);
  if (result.entry_frame) result.entry = function_name(stack.frames, *result.entry_frame);
  result.leaf = base::bounded_utf8(stack.frames.front().function, kMaxFunctionBytes);
  return result;
}

Attribution attribute_collection(const Stack& stack) {
  Attribution result;
  result.function = kGc;
  if (!stack.frames.empty()) {
    result.leaf = base::bounded_utf8(stack.frames.front().function, kMaxFunctionBytes);
  }
  return result;
}

}  // namespace loopstall::stacks
