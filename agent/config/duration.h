// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace loopstall::config {

/// Nanoseconds of `100ms`, `1.5s`, `250us`, `2m`, `1h`. Nothing when the unit is missing or
/// unknown, the number is not a plain decimal, or the result has no room in 64 bits.
std::optional<uint64_t> parse_duration_ns(std::string_view text);

/// The shortest text with one unit that parse_duration_ns() reads back as `ns`.
std::string format_duration_ns(uint64_t ns);

}  // namespace loopstall::config
