// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace loopstall::base {

/// total × part / whole, rounded down, without overflow on the way. `whole` is not 0.
inline uint64_t proportion(uint64_t total, uint64_t part, uint64_t whole) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>(Wide{total} * part / whole);
}

/// part / whole; 0 of nothing.
inline double share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

/// By how much a counter has grown; 0 where it seems to have fallen.
inline uint64_t grown(uint64_t now, uint64_t before) { return now > before ? now - before : 0; }

}  // namespace loopstall::base
