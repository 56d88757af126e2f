// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <tl/expected.hpp>

#include "stacks/python_layout.h"

namespace loopstall::stacks {

/// _Py_DebugOffsets, with which _PyRuntime begins from 3.13 on: a build's own word on where it
/// keeps things (Include/internal/pycore_debug_offsets.h; in 3.13 pycore_runtime.h). Static data,
/// so it is read from the file.
inline constexpr std::size_t kDebugOffsetsBytes = 760;     ///< of 3.14, the largest known
inline constexpr std::size_t kDebugOffsetsBytes313 = 584;  ///< of 3.13

/// What it says of the build; empty when `data` does not begin with its cookie.
struct DebugOffsetsHead {
  uint32_t version_hex = 0;  ///< PY_VERSION_HEX
  bool free_threaded = false;
};
std::optional<DebugOffsetsHead> debug_offsets_head(std::span<const std::byte> data);

enum class DebugOffsetsFault : uint8_t {
  invalid,    ///< none of its version, or offsets that cannot be: as good as none at all
  not_known,  ///< valid, and this build keeps something where our readers do not look
};

/// `table` with all that the build says of itself put in. What it leaves out moves as its
/// neighbours do: the pthread key with the list of interpreters, the flags of code objects with the
/// line number. The data is a target's: each offset lies in its structure and where the walkers can
/// read it.
tl::expected<PythonLayout, DebugOffsetsFault> layout_from_debug_offsets(
    std::span<const std::byte> data, const PythonLayout& table);

}  // namespace loopstall::stacks
