// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "profile/profile.h"

namespace loopstall::profile {

enum class Format : uint8_t {
  html,        ///< a page for a browser
  speedscope,  ///< https://www.speedscope.app/file-format-schema.json
  pprof,       ///< github.com/google/pprof proto/profile.proto, compressed by gzip
  collapsed,   ///< a line for each stack, as flamegraph.pl and its likes read it
  lsr,         ///< a recording for loopstall replay; the session writes it
};

/// The format of that name; none for another word.
std::optional<Format> format_of(std::string_view name);

/// What the ending of a file's name tells; none where it tells nothing.
std::optional<Format> format_of_path(std::string_view path);

/// The file's content, in any format but lsr.
std::string written(const Profile& profile, Format format);

// What written() is made of.

/// `process;function (file:line);…;[cause] microseconds`.
std::string to_collapsed(const Profile& profile);
/// Weights are in nanoseconds; a stack ends with its cause, in brackets.
std::string to_speedscope(const Profile& profile);
/// Values are in nanoseconds; cause, process and blamed function are labels.
std::string to_pprof(const Profile& profile);
/// Needs nothing besides itself.
std::string to_html(const Profile& profile);

}  // namespace loopstall::profile
