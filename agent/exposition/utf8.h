// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace loopstall::exposition {

/// Valid UTF-8 of at most `max_bytes`: bytes that are none become U+FFFD, a text that is too long
/// is cut between two characters. Prometheus drops a whole scrape that holds one invalid byte
/// (promtool: "invalid label value"), and a target chooses its own function names.
std::string to_valid_utf8(std::string_view text, std::size_t max_bytes);

}  // namespace loopstall::exposition
