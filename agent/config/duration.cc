// SPDX-License-Identifier: Apache-2.0
#include "config/duration.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace loopstall::config {
namespace {

struct Unit {
  std::string_view name;
  uint64_t ns;
};

// Largest first, for format_duration_ns().
constexpr std::array<Unit, 6> kUnits = {{{"h", 3'600'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"s", 1'000'000'000},
                                         {"ms", 1'000'000},
                                         {"us", 1'000},
                                         {"ns", 1}}};

// All that 64 bits hold in nanoseconds, so that what format_duration_ns() writes can be read again.
constexpr std::size_t kMaxDigits = 20;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::optional<uint64_t> parse_duration_ns(std::string_view text) {
  const auto number_end =
      std::find_if_not(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.'; });
  const std::string_view number =
      text.substr(0, static_cast<std::size_t>(number_end - text.begin()));
  const std::string_view unit_name = text.substr(number.size());
  const auto* unit = std::find_if(kUnits.begin(), kUnits.end(),
                                  [&](const Unit& u) { return u.name == unit_name; });
  if (unit == kUnits.end() || number.size() > kMaxDigits) return std::nullopt;
  if (number.empty() || !is_digit(number.front()) || !is_digit(number.back())) return std::nullopt;

  __extension__ using Wide = unsigned __int128;
  Wide digits = 0;
  Wide scale = 1;
  bool after_point = false;
  for (const char c : number) {
    if (c == '.') {
      if (after_point) return std::nullopt;
      after_point = true;
      continue;
    }
    digits = digits * 10 + static_cast<unsigned>(c - '0');
    if (after_point) scale *= 10;
  }
  const Wide ns = digits * unit->ns / scale;
  if (ns > UINT64_MAX) return std::nullopt;
  return static_cast<uint64_t>(ns);
}

std::string format_duration_ns(uint64_t ns) {
  for (const Unit& unit : kUnits) {
    if (ns >= unit.ns && ns % unit.ns == 0) return fmt::format("{}{}", ns / unit.ns, unit.name);
  }
  return "0ns";
}

}  // namespace loopstall::config
