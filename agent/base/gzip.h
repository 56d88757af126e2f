// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace loopstall::base {

/// The text compressed as gzip has it (RFC 1952), fast rather than small. None where zlib lacks
/// memory.
std::optional<std::string> gzip(const std::string& plain);

}  // namespace loopstall::base
