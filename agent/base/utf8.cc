// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <cstdint>

namespace loopstall::base {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool is_continuation(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }

// Bytes of the character at the start of `text`; 0 when they are no valid UTF-8 (RFC 3629, table
// 3-7 of Unicode: no overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t character_bytes(std::string_view text) {
  const auto first = static_cast<uint8_t>(text[0]);
  if (first < 0x80) return 1;
  const std::size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < bytes) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!is_continuation(text[i])) return 0;
  }
  const auto second = static_cast<uint8_t>(text[1]);
  if (first == 0xE0 && second < 0xA0) return 0;
  if (first == 0xED && second > 0x9F) return 0;
  if (first == 0xF0 && second < 0x90) return 0;
  if (first == 0xF4 && second > 0x8F) return 0;
  return bytes;
}

bool is_control(char byte) { return static_cast<uint8_t>(byte) < 0x20 || byte == 0x7F; }

}  // namespace

std::string valid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    if (bytes == 0) {
      valid += kReplacement;
    } else if (is_control(text[0])) {
      valid += '?';
    } else {
      valid += text.substr(0, bytes);
    }
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return valid;
}

std::string bounded_utf8(std::string_view text, std::size_t max_bytes) {
  // What is beyond cannot matter: a replacement is never shorter than the byte that it replaces.
  // Four bytes more let a character across the cut be seen whole and be dropped whole.
  std::string valid = valid_utf8(text.substr(0, max_bytes + 4));
  if (valid.size() <= max_bytes) return valid;
  std::size_t end = max_bytes;
  while (end > 0 && is_continuation(valid[end])) --end;
  valid.resize(end);
  return valid;
}

std::string bounded_utf8_tail(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes + 4) text.remove_prefix(text.size() - max_bytes - 4);
  std::string valid = valid_utf8(text);
  if (valid.size() <= max_bytes) return valid;
  std::size_t start = valid.size() - max_bytes;
  while (start < valid.size() && is_continuation(valid[start])) ++start;
  return valid.substr(start);
}

}  // namespace loopstall::base
