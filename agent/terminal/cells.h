// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace loopstall::terminal {

/// The target's own words for a terminal: control characters, which have an effect there, are '?',
/// bytes that are no UTF-8 are U+FFFD, and what takes no column (marks of the writing direction) is
/// left out.
std::string printable(std::string_view text);

/// How many columns a printable text takes.
std::size_t width_of(std::string_view text);

/// The printable text in exactly `columns`: filled with blanks, or cut at its end with an ellipsis.
std::string fit(std::string_view text, std::size_t columns);

/// The same, but cut at its beginning, as is best for paths.
std::string fit_tail(std::string_view text, std::size_t columns);

/// The text at the right of so many columns.
std::string fit_right(std::string_view text, std::size_t columns);

}  // namespace loopstall::terminal
