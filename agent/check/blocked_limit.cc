// SPDX-License-Identifier: Apache-2.0
#include "check/blocked_limit.h"

#include <charconv>
#include <system_error>

namespace loopstall::check {
namespace {

constexpr double kMaxMs = 1e9;

std::optional<stalls::Cause> cause_of(std::string_view name) {
  for (std::size_t i = 0; i < stalls::kCauseCount; ++i) {
    const auto cause = static_cast<stalls::Cause>(i);
    if (stalls::cause_name(cause) == name) return cause;
  }
  return std::nullopt;
}

std::optional<double> number_of(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = error == std::errc{} && end == text.data() + text.size();
  return is_whole && number >= 0 && number <= kMaxMs ? std::optional(number) : std::nullopt;
}

}  // namespace

std::optional<std::pair<stalls::Cause, double>> parse_blocked_limit(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  const auto cause = cause_of(text.substr(0, equals));
  const auto limit = number_of(text.substr(equals + 1));
  if (!cause || !limit) return std::nullopt;
  return std::pair(*cause, *limit);
}

}  // namespace loopstall::check
