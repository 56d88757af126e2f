// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace loopstall::probes {

/// What one tick of the sampling clock takes from the thread that it interrupts, in ns, without any
/// program: a few microseconds where the CPU's timer is the kernel's own, up to a hundred in a
/// virtual machine whose host must set it. Computes for 60 ms to find out. Nothing when the kernel
/// permits no clock, or when the machine left the thread too little time.
std::optional<uint64_t> measure_tick_price_ns();

/// The price by the pauses that were seen while `ticks` ticks came: most of the `ticks` longest are
/// ticks, so that the one in their middle is, whatever else interrupted the thread. `pauses_ns` is
/// put in another order.
std::optional<uint64_t> tick_price_ns(std::span<uint64_t> pauses_ns, std::size_t ticks);

inline constexpr uint32_t kMostRateHz = 99;

/// How often a second it may tick at that price: kMostRateHz, or fewer so that they take at most a
/// two-hundredth of a busy CPU, but 19 times at least. Always one less than a multiple of ten,
/// which falls into step with hardly anything.
uint32_t affordable_rate_hz(std::optional<uint64_t> tick_price_ns);

}  // namespace loopstall::probes
