// SPDX-License-Identifier: Apache-2.0
#include "loops/frame_rule.h"

#include <cstddef>

namespace loopstall::loops {

bool is_named(const FrameName& frame, std::string_view function) {
  if (!frame.function.ends_with(function)) return false;
  const std::size_t before = frame.function.size() - function.size();
  return before == 0 || frame.function[before - 1] == '.';
}

bool matches(const FrameName& frame, const FrameRule& rule) {
  return frame.path.ends_with(rule.file) && is_named(frame, rule.function);
}

}  // namespace loopstall::loops
