// SPDX-License-Identifier: Apache-2.0
#include "terminal/quantities.h"

#include <fmt/format.h>

#include <algorithm>

namespace loopstall::terminal {
namespace {

/// One decimal of what is short, none of what is long.
std::string scaled(double value, const char* unit) {
  return value < 9.95 ? fmt::format("{:.1f} {}", value, unit)
                      : fmt::format("{:.0f} {}", value, unit);
}

}  // namespace

std::string duration_text(uint64_t ns) {
  const double seconds = static_cast<double>(ns) / 1e9;
  if (seconds < 0.9995) return scaled(seconds * 1e3, "ms");
  if (seconds < 99.95) return fmt::format("{:.1f} s", seconds);
  if (seconds < 999.5) return fmt::format("{:.0f} s", seconds);
  if (seconds < 59'970) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.0f} h", std::min(seconds / 3600, 99'999.0));
}

std::string percent_text(double ratio) { return scaled(std::clamp(ratio, 0.0, 9.99) * 100, "%"); }

}  // namespace loopstall::terminal
