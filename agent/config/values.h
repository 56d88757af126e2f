// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/result.h"
#include "config/config.h"

namespace loopstall::config {

/// Parsers of single values. Each takes the name under which the user gave the value (a flag or an
/// environment variable) and fails with one sentence (a usage error) that begins with it.

struct DurationBounds {
  uint64_t min_ns;
  uint64_t max_ns;
  std::string_view example;  ///< shown where the unit is missing
};

/// For how long a command looks.
inline constexpr DurationBounds kLookDuration = {100'000'000, 86'400'000'000'000, "60s"};

struct CountBounds {
  uint32_t min;
  uint32_t max;
};

base::Result<uint64_t> duration_value(std::string_view name, std::string_view text,
                                      const DurationBounds& bounds);
base::Result<uint32_t> count_value(std::string_view name, std::string_view text,
                                   const CountBounds& bounds);

/// A number of times a second, or auto, which is kAutomaticRate.
base::Result<uint32_t> rate_value(std::string_view name, std::string_view text,
                                  const CountBounds& bounds);

/// ADDRESS:PORT or [IPV6]:PORT. `localhost` becomes 127.0.0.1, and an address left out 0.0.0.0.
/// Port 0 lets the kernel choose.
base::Result<std::string> listen_value(std::string_view name, std::string_view text);

/// A share of a core in percent (1%, 0.5%), from 0.001% to 100%; the result is a ratio.
base::Result<double> percent_value(std::string_view name, std::string_view text);

/// yes or no.
base::Result<bool> yes_no_value(std::string_view name, std::string_view text);

base::Result<HookMode> hook_value(std::string_view name, std::string_view text);
base::Result<base::LogLevel> log_level_value(std::string_view name, std::string_view text);
base::Result<base::LogFormat> log_format_value(std::string_view name, std::string_view text);

/// A function's or package's name: not empty, at most 256 bytes, without control characters.
base::Result<std::string> name_value(std::string_view name, std::string_view text);

}  // namespace loopstall::config
