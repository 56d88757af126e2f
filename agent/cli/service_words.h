// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/config.h"

namespace loopstall::cli {

/// What --duration says; `usual_ns` where it was not given.
base::Result<uint64_t> read_duration(const std::string& text, uint64_t usual_ns);

/// Whether one service was named: by its command, which stands after --, or by its pid. `name` is
/// that of our own command.
base::Result<void> check_one_service(std::string_view name, const std::vector<std::string>& command,
                                     const config::Config& config);

}  // namespace loopstall::cli
