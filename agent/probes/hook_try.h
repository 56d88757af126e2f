// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "probes/options.h"

namespace loopstall::probes {

/// What this kernel says to one step of the ladder.
struct HookTry {
  std::string name;     ///< as --hook calls it
  std::string reason;   ///< why it does not attach; empty: it does
  bool only_on_demand;  ///< never chosen by itself
};

/// Attaches each step in turn, and takes it away again.
std::vector<HookTry> try_hooks(const ProbeOptions& options);

}  // namespace loopstall::probes
