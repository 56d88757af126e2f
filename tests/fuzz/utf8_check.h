// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "fuzzed_input.h"

namespace loopstall::fuzz {

/// Valid UTF-8 within its bound; `controls` says whether control characters may be in it.
inline void check_text(std::string_view text, std::size_t max_bytes, bool controls) {
  FUZZ_CHECK(text.size() <= max_bytes);
  std::string expected(text);
  if (controls) {
    std::replace_if(
        expected.begin(), expected.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  }
  FUZZ_CHECK(base::valid_utf8(text) == expected);
}

}  // namespace loopstall::fuzz
