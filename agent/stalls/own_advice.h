// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stalls/cause.h"

namespace loopstall::stalls {

/// A set of causes, one bit each.
using Causes = uint32_t;

constexpr Causes on(Cause cause) { return Causes{1} << static_cast<unsigned>(cause); }

/// What a team says to do about one library or function, before what loopstall says.
struct OwnAdviceRow {
  std::string library;   ///< label of a file ("soap.py") or a package ("soap/"); empty: any
  std::string function;  ///< qualified name; empty: any
  Causes causes = 0;     ///< 0: any
  std::string text;      ///< `{function}` stands for the blamed function
};

/// Of several that fit the first counts.
using OwnAdvice = std::vector<OwnAdviceRow>;

}  // namespace loopstall::stalls
