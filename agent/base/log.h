// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace loopstall::base {

enum class LogLevel : uint8_t { debug, info, warning, error };

enum class LogFormat : uint8_t {
  logfmt,  ///< ts=… level=info msg="…"
  json,    ///< {"ts":"…","level":"info","msg":"…"}
};

/// Messages below `level` are dropped; the default is info. Thread-safe.
void set_log_level(LogLevel level);

/// The default is logfmt. Thread-safe.
void set_log_format(LogFormat format);

bool log_is_on(LogLevel level);

/// Writes one line to standard error. Thread-safe. The message may hold a target's own words: what
/// could break the line or the terminal is escaped. Above the rate of LogLimit it is left out, and
/// the next line is preceded by one that says how many were; while debug is on, nothing is.
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
