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

// The part of a stack that can be to blame: the frames inside the innermost one that runs the loop
// or hands out work. What is outside merely led there: a main.py that calls uvicorn.run(), or a
// middleware that passed the request on, is not to blame for what the framework does within.
struct Work {
  const std::vector<Frame>& frames;
  std::size_t end = 0;    // frames[0, end) are inside
  bool complete = false;  // nothing of it is missing
};

Work work_of(const Stack& stack) {
  const auto& frames = stack.frames;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Dispatch dispatch = dispatch_of(frames[i]);
    if (dispatch == Dispatch::loop || dispatch == Dispatch::work) return {frames, i, true};
  }
  return {frames, frames.size(), !stack.truncated};
}

// A module's body runs once and its code is freed: when there is no reading it any more, the import
// is the fault of the function that made it.
bool is_unread_module(const std::vector<Frame>& frames, std::size_t index) {
  return frames[index].ownership == Ownership::unread && index + 1 < frames.size() &&
         frames[index + 1].ownership == Ownership::frozen &&
         frames[index + 1].function == "_call_with_frames_removed";
}

bool is_blamable(const Work& work, std::size_t index, Origin origin) {
  const Frame& frame = work.frames[index];
  return frame.origin == origin && !frame.transparent && !is_unread_module(work.frames, index);
}

std::optional<std::size_t> innermost(const Work& work, Origin origin) {
  for (std::size_t i = 0; i < work.end; ++i) {
    if (is_blamable(work, i, origin)) return i;
  }
  return std::nullopt;
}

std::optional<std::size_t> find_culprit(const Work& work) {
  if (const auto application = innermost(work, Origin::application)) return application;
  return innermost(work, Origin::third_party);
}

std::string_view reserved_name(const Work& work) {
  // A user's frame may be among those that are missing.
  if (work.frames.empty() || !work.complete) return kUnknown;
  return innermost(work, Origin::synthetic) ? kGenerated : kFramework;
}

// A module's own body is where the program starts, and a decorator's wrapper stands around what was
// asked for: neither is the entry, unless it is all there is.
int entry_rank(const Work& work, std::size_t index) {
  const Frame& frame = work.frames[index];
  if (frame.function == "<module>") return 1;
  const bool decorates = frame.wraps || (index + 1 < work.frames.size() &&
                                         dispatch_of(work.frames[index + 1]) == Dispatch::wrapper);
  return decorates ? 2 : 3;
}

// The outermost application frame, among those of the highest rank.
std::optional<std::size_t> find_entry(const Work& work) {
  if (!work.complete) return std::nullopt;
  std::optional<std::size_t> entry;
  int rank = 0;
  for (std::size_t i = 0; i < work.end; ++i) {
    if (!is_blamable(work, i, Origin::application)) continue;
    const int own_rank = entry_rank(work, i);
    if (own_rank < rank) continue;
    entry = i;
    rank = own_rank;
  }
  return entry;
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
  const Work work = work_of(stack);
  Attribution result;
  result.culprit = find_culprit(work);
  if (result.culprit) {
    const Frame& frame = stack.frames[*result.culprit];
    result.function = function_name(stack.frames, *result.culprit);
    result.file = base::bounded_utf8_tail(frame.file, kMaxFileLabelBytes);
    result.path = base::bounded_utf8_tail(frame.path, kMaxPathBytes);
    result.line = frame.line;
  } else {
    result.function = reserved_name(work);
  }
  if (stack.frames.empty()) return result;
  result.entry_frame = find_entry(work);
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
