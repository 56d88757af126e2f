// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/config.h"
#include "session/recording_codec.h"
#include "session/step.h"

namespace loopstall::session::recording {

/// Raised with every change that old readers would misread.
inline constexpr int kVersion = 1;
/// A line of its own, the last one of a recording that was not cut off.
inline constexpr std::string_view kEnd = R"({"end":true})";
inline constexpr uint64_t kMaxBytes = 1'000'000'000;
/// A step with a full ring buffer of the deepest stacks has less.
inline constexpr uint64_t kMaxLineBytes = 20'000'000;

/// The first line.
std::string header(const config::Config& config);
/// What of the configuration the numbers depend on. Fails with ErrorKind::usage: no recording, or
/// one of another version.
base::Result<config::Config> read_header(const std::string& line);

Json encode_step(const Step& step);
/// Throws std::exception.
Step decode_step(const Json& json);

/// Throws std::exception: no JSON, or nested deeper than any step.
Json parse_line(const std::string& line);

}  // namespace loopstall::session::recording
