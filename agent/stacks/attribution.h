// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "stacks/frame.h"

namespace loopstall::stacks {

/// Names that stand for no function of the target; their `file` is empty.
inline constexpr std::string_view kFramework = "~framework";  ///< only listed and standard code
inline constexpr std::string_view kUnknown = "~unknown";      ///< nothing to name it by
inline constexpr std::string_view kUnsampled = "~unsampled";  ///< no stack was taken in that time
inline constexpr std::string_view kOther = "~other";          ///< folded for want of series
inline constexpr std::string_view kGenerated = "~generated";  ///< code without a file
inline constexpr std::string_view kGc = "~gc";            ///< the interpreter's cyclic collector
inline constexpr std::string_view kMachine = "~machine";  ///< no code: it was not let run

/// The longest function name, in bytes.
inline constexpr std::size_t kMaxFunctionBytes = 120;

/// Who is blamed for a stack: docs/attribution.md. Strings are bounded and valid UTF-8.
struct Attribution {
  std::optional<std::size_t> culprit;      ///< index of the blamed frame; none for reserved names
  std::optional<std::size_t> entry_frame;  ///< index of the entry's frame
  std::string function;                    ///< the culprit's name, or a reserved name
  std::string file;                        ///< its label; empty for reserved names
  std::string path;                        ///< its raw path; empty for reserved names
  int line = 0;
  std::string entry;  ///< empty when unknown
  std::string leaf;   ///< the innermost frame's name; empty for an empty stack
};

/// Names function, entry and leaf. Pure. An empty stack is ~unknown; that a turn had no sample at
/// all (~unsampled) only the caller knows. For a wait on the GIL pass the holder's stack.
Attribution attribute(const Stack& stack);

/// The same for a stack in which the cyclic collector ran: ~gc, for whoever happened to allocate is
/// not to blame, and neither is its endpoint.
Attribution attribute_collection(const Stack& stack);

}  // namespace loopstall::stacks
