// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "stacks/frame.h"
#include "wire/wire.h"

namespace loopstall::golden {

/// What the kernel side says at one moment: a record of the ring buffer, or an account as a reader
/// of the mapped array finds it at `time_ns`.
struct Record {
  std::vector<std::byte> bytes;
};
struct Reading {
  uint64_t time_ns = 0;
  ls_slot slot{};
};
using Step = std::variant<Record, Reading>;

/// One loop's life in wire bytes, and the names of its code objects.
///
/// Lines of the text; times are milliseconds, `#` starts a comment:
///   frame STACK FUNCTION FILE PATH LINE ORIGIN     one frame of STACK, innermost first
///   block|tick|holder|turn_end|delayed KEY=VALUE…  one event
///   account KEY=VALUE…                             one reading; keys not named keep their value
struct Scenario {
  std::map<uint64_t, stacks::Frame> code;  ///< by address of the code object
  std::vector<Step> steps;
};

/// Throws std::runtime_error with the line that it does not understand.
Scenario read_scenario(const std::filesystem::path& path);

}  // namespace loopstall::golden
