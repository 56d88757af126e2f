// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace loopstall::base {

/// The text with every byte that is not part of valid UTF-8 replaced by U+FFFD, and control
/// characters (below U+0020, and U+007F) by '?', so that it can be a label, a log word or JSON.
std::string valid_utf8(std::string_view text);

/// valid_utf8, cut to at most `max_bytes` bytes between two characters: the head is kept.
std::string bounded_utf8(std::string_view text, std::size_t max_bytes);

/// valid_utf8, cut to at most `max_bytes` bytes between two characters: the tail is kept.
std::string bounded_utf8_tail(std::string_view text, std::size_t max_bytes);

}  // namespace loopstall::base
