// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace loopstall::stacks {

/// One Python frame as the kernel side sees it: addresses of the target, not yet names.
struct RawFrame {
  uint64_t code = 0;        ///< address of the PyCodeObject
  int32_t instruction = 0;  ///< bytes from the first instruction; negative: not started
  uint32_t check = 0;       ///< code_check() of that object when the stack was taken

  bool operator==(const RawFrame&) const = default;
};

/// Innermost frame first.
struct RawStack {
  std::vector<RawFrame> frames;
  bool truncated = false;  ///< outer frames are missing
  bool in_gc = false;      ///< the interpreter's cyclic collector was at work

  bool operator==(const RawStack&) const = default;
};

/// Tells a code object from another one that was later put at the same address. `name_pointer` is
/// co_name (not the qualified name). The BPF side computes the same.
constexpr uint32_t code_check(uint32_t firstlineno, uint32_t flags, uint64_t name_pointer) {
  return firstlineno * 2654435761u ^ flags * 2246822519u ^ static_cast<uint32_t>(name_pointer >> 4);
}

}  // namespace loopstall::stacks
