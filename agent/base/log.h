// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace loopstall::base {

enum class LogLevel : uint8_t { debug, info, warning, error };

/// Messages below `level` are dropped; the default is info. Thread-safe.
void set_log_level(LogLevel level);

bool log_is_on(LogLevel level);

/// Writes one logfmt line to standard error: `ts=… level=info msg="…"`. Thread-safe. The message
/// may hold a target's own words: what could break the line or the terminal is escaped.
void write_log(LogLevel level, std::string_view message);

/// `text` in double quotes, with quotes, backslashes and control characters escaped.
std::string quoted(std::string_view text);

template <typename... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (log_is_on(level)) write_log(level, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  log(LogLevel::debug, format, std::forward<Args>(args)...);
}

template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log(LogLevel::info, format, std::forward<Args>(args)...);
}

template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log(LogLevel::warning, format, std::forward<Args>(args)...);
}

template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log(LogLevel::error, format, std::forward<Args>(args)...);
}

}  // namespace loopstall::base
