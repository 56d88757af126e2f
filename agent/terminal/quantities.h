// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace loopstall::terminal {

/// A duration for people, in at most 7 characters: "0.4 ms", "85 ms", "12.3 s", "150 min", "48 h".
std::string duration_text(uint64_t ns);

/// A ratio in percent, in at most 6 characters: "0.4 %", "93 %".
std::string percent_text(double ratio);

}  // namespace loopstall::terminal
