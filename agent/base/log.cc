// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "base/clock.h"
#include "base/log_limit.h"

namespace loopstall::base {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

constexpr const char* kLogfmt = "ts=%Y-%m-%dT%H:%M:%S.%eZ level=%l msg=%v";
constexpr const char* kJson = R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","msg":%v})";

/// What all threads write through.
struct Log {
  Log() {
    lines.flush_on(spdlog::level::debug);
    set_format(LogFormat::logfmt);
  }

  void set_format(LogFormat wanted) {
    format = wanted;
    lines.set_formatter(std::make_unique<spdlog::pattern_formatter>(
        wanted == LogFormat::json ? kJson : kLogfmt, spdlog::pattern_time_type::utc));
  }

  void write(LogLevel level, std::string_view message) {
    const std::string text =
        format == LogFormat::json
            ? nlohmann::json(message).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
            : quoted(message);
    lines.log(to_spdlog(level), "{}", text);
  }

  spdlog::logger lines{"loopstall", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
  std::mutex mutex;
  LogFormat format = LogFormat::logfmt;  // guarded by mutex, as the rest is
  LogLimit limit;
};

Log& the_log() {
  // Never destroyed: other threads may log while the process ends.
  static auto& instance = *new Log;
  return instance;
}

bool is_control(unsigned char byte) { return byte < 0x20 || byte == 0x7f; }

}  // namespace

void set_log_level(LogLevel level) { the_log().lines.set_level(to_spdlog(level)); }

void set_log_format(LogFormat format) {
  const std::lock_guard lock(the_log().mutex);
  the_log().set_format(format);
}

bool log_is_on(LogLevel level) { return the_log().lines.should_log(to_spdlog(level)); }

void write_log(LogLevel level, std::string_view message) {
  Log& log = the_log();
  const std::lock_guard lock(log.mutex);
  if (!log_is_on(LogLevel::debug) && !log.limit.admits(system_clock().monotonic_ns())) return;
  if (const uint64_t left_out = log.limit.take_left_out()) {
    log.write(LogLevel::warning, fmt::format("{} messages were left out", left_out));
  }
  log.write(level, message);
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (is_control(byte)) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

}  // namespace loopstall::base
