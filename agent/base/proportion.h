// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace loopstall::base {

/// total × part / whole, rounded down, without overflow on the way. `whole` is not 0.
inline uint64_t proportion(uint64_t total, uint64_t part, uint64_t whole) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>(Wide{total} * part / whole);
}

}  // namespace loopstall::base
