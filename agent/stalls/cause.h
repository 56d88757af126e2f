// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace loopstall::stalls {

/// Where a turn's time went. The numbers are those of bpf/wire/wire.h.
enum class Cause : uint8_t {
  cpu,
  runqueue,
  throttled,
  sleep,
  network,
  file,
  pipe,
  lock,
  gil,
  process,
  pagefault,
  stopped,
  gc,
  other,
};

inline constexpr std::size_t kCauseCount = 14;

/// Nanoseconds (or counts) by cause, indexed by Cause.
using ByCause = std::array<uint64_t, kCauseCount>;

/// Over all causes.
uint64_t sum(const ByCause& values);

inline std::size_t index(Cause cause) { return static_cast<std::size_t>(cause); }

/// The label value, as in `cause="network"`.
std::string_view cause_name(Cause cause);

/// Causes by which a function waits instead of computing: what the occupancy rule judges.
bool cause_is_blocking(Cause cause);

/// Causes by which a loop that could run was not let run: no function's fault
/// (docs/attribution.md, ~machine).
bool cause_is_machines(Cause cause);

}  // namespace loopstall::stalls
