// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "loops/labels.h"

namespace loopstall::exposition {

/// Keeps the members in the order in which they are documented.
using Json = nlohmann::ordered_json;

/// The version that every document of docs/http.md begins with.
inline constexpr int kApiVersion = 1;

/// Names of targets are the target's own words: bytes that are no UTF-8 become U+FFFD. On one line,
/// or with so many blanks for each level.
std::string dump(const Json& json, int indent = -1);

/// RFC 3339 in UTC with milliseconds.
std::string rfc3339(uint64_t wall_ns);

inline double seconds(uint64_t ns) { return static_cast<double>(ns) / 1e9; }

/// The upper bounds of histograms, in seconds.
Json bounds_json();

Json labels_json(const loops::LoopLabels& labels);

}  // namespace loopstall::exposition
