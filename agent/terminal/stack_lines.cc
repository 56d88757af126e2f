// SPDX-License-Identifier: Apache-2.0
#include "terminal/stack_lines.h"

#include <fmt/format.h>

#include <algorithm>

#include "terminal/cells.h"

namespace loopstall::terminal {
namespace {

constexpr std::size_t kMaxNameColumns = 40;

std::size_t name_columns(const stacks::Stack& stack) {
  std::size_t widest = 0;
  for (const stacks::Frame& frame : stack.frames) {
    widest = std::max(widest, width_of(printable(frame.function)));
  }
  return std::min(widest, kMaxNameColumns);
}

}  // namespace

std::string place_text(const std::string& file, int line) {
  const std::string shown = printable(file);
  return line > 0 ? fmt::format("{}:{}", shown, line) : shown;
}

std::vector<std::string> stack_lines(const stacks::Stack& stack,
                                     std::optional<std::size_t> marked) {
  const std::size_t columns = name_columns(stack);
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < stack.frames.size(); ++i) {
    const stacks::Frame& frame = stack.frames[i];
    lines.push_back(fmt::format("{} {}  {}", marked == i ? '>' : ' ', fit(frame.function, columns),
                                place_text(frame.file, frame.line)));
  }
  if (stack.truncated) lines.push_back("  (the frames further out could not be read)");
  return lines;
}

}  // namespace loopstall::terminal
