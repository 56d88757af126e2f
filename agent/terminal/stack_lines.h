// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "stacks/frame.h"

namespace loopstall::terminal {

/// A line for each frame, innermost first: its name, its file and line, and a mark at `marked`, the
/// index of the frame that is blamed. One more line where outer frames are missing.
std::vector<std::string> stack_lines(const stacks::Stack& stack, std::optional<std::size_t> marked);

/// app/ocr.py:12; without a line where that is unknown.
std::string place_text(const std::string& file, int line);

}  // namespace loopstall::terminal
