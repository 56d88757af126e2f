// SPDX-License-Identifier: Apache-2.0
#include "session/frame_names.h"

#include <string_view>

namespace loopstall::session {

std::vector<loops::FrameName> frame_names(const stacks::Stack& stack) {
  std::vector<loops::FrameName> names;
  for (const stacks::Frame& frame : stack.frames) {
    const bool is_read = frame.ownership != stacks::Ownership::unread;
    names.push_back({is_read ? std::string_view(frame.function) : "", frame.path});
  }
  return names;
}

}  // namespace loopstall::session
