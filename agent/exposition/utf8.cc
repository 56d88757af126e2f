// SPDX-License-Identifier: Apache-2.0
#include "exposition/utf8.h"

#include <cstdint>

namespace loopstall::exposition {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Range of the second byte and length by the first byte: table 3-7 of the Unicode standard, which
/// leaves out overlong forms, surrogates and what lies above U+10FFFF.
struct Lead {
  std::size_t length = 0;
  uint8_t second_min = 0x80;
  uint8_t second_max = 0xBF;
};

Lead classify(uint8_t byte) {
  if (byte < 0x80) return {.length = 1};
  if (byte >= 0xC2 && byte <= 0xDF) return {.length = 2};
  if (byte == 0xE0) return {.length = 3, .second_min = 0xA0};
  if (byte == 0xED) return {.length = 3, .second_max = 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {.length = 3};
  if (byte == 0xF0) return {.length = 4, .second_min = 0x90};
  if (byte >= 0xF1 && byte <= 0xF3) return {.length = 4};
  if (byte == 0xF4) return {.length = 4, .second_max = 0x8F};
  return {};
}

/// Bytes of the valid character at the start of `text`; 0 when there is none.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<uint8_t>(text[i]); };
  const Lead lead = classify(byte(0));
  if (lead.length <= 1) return lead.length;
  if (text.size() < lead.length) return 0;
  if (byte(1) < lead.second_min || byte(1) > lead.second_max) return 0;
  for (std::size_t i = 2; i < lead.length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return lead.length;
}

}  // namespace

std::string to_valid_utf8(std::string_view text, std::size_t max_bytes) {
  std::string valid;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    const std::string_view next = length > 0 ? text.substr(0, length) : kReplacement;
    if (valid.size() + next.size() > max_bytes) break;
    valid += next;
    text.remove_prefix(length > 0 ? length : 1);
  }
  return valid;
}

}  // namespace loopstall::exposition
