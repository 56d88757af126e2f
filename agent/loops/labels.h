// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <string>

namespace loopstall::loops {

/// The labels of every per-loop series. Series are keyed by this set alone, so workers and
/// restarts of one container share them.
struct LoopLabels {
  std::string process;  ///< stable service name
  std::string runtime;  ///< asyncio, uvloop, …
  std::string namespace_;
  std::string pod;
  std::string container;

  auto operator<=>(const LoopLabels&) const = default;
};

}  // namespace loopstall::loops
