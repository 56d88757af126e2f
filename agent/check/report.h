// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "check/judgement.h"

namespace loopstall::check {

enum class Format : uint8_t { text, json, junit, sarif };

/// The format of that name; none for another word.
std::optional<Format> format_of(std::string_view name);

/// Where a finding's file is in the repository that is checked.
using Locate = std::function<std::string(const Finding&)>;

/// The judgement in one of the formats of docs/commands.md. Names of the target are escaped as the
/// format has it.
std::string report_of(const Judgement& judgement, const Criteria& criteria, Format format,
                      const Locate& locate);

}  // namespace loopstall::check
