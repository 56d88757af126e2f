// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "loops/home_wait.h"

namespace loopstall::loops {

/// A function of a well-known file.
struct FrameRule {
  std::string_view function;
  std::string_view file;  ///< how its path ends
};

/// Qualified names end with the plain name: EpollSelector.select.
bool is_named(const FrameName& frame, std::string_view function);
bool matches(const FrameName& frame, const FrameRule& rule);

}  // namespace loopstall::loops
