// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "stalls/cause.h"

namespace loopstall::check {

/// `network=20`: a cause, and how many milliseconds of 1,000 turns it may take. None for other
/// text.
std::optional<std::pair<stalls::Cause, double>> parse_blocked_limit(std::string_view text);

}  // namespace loopstall::check
