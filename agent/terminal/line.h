// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stalls/cause.h"

namespace loopstall::terminal {

enum class Style : uint8_t { plain, heading, dim, bad };

/// Text of one style; `cause` gives it that cause's colour.
struct Span {
  std::string text;  ///< printable
  Style style = Style::plain;
  std::optional<stalls::Cause> cause;
};

/// A line of the terminal.
struct Line {
  std::vector<Span> spans;
  bool is_selected = false;
};

/// Without style or colour, and without blanks at the end.
std::string plain_text(const std::vector<Line>& lines);

/// A bar of so many columns for the whole loop: each cause's letter as often as it has its share,
/// then dots for idle time. Every cause that has at least half a column is in it.
Line cause_bar(const stalls::ByCause& busy_ns, uint64_t life_ns, std::size_t columns);

}  // namespace loopstall::terminal
