// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "stacks/memory_reader.h"
#include "stacks/python_layout.h"

namespace loopstall::stacks {

/// Reads a PyUnicode object as valid UTF-8 of at most `limit` bytes, cut between characters. Lone
/// surrogates (undecodable bytes of file names) and impossible characters become U+FFFD; control
/// characters stay. Fails with `unreadable_memory`, or with `unreadable_name` for what is no
/// compact string. Reads at most 4 × `limit` bytes, whatever length the object claims.
tl::expected<std::string, std::string_view> read_python_string(const MemoryReader& memory,
                                                               const PythonLayout& layout,
                                                               uint64_t address, std::size_t limit);

}  // namespace loopstall::stacks
