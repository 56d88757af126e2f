// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "probes/options.h"
#include "probes/skeleton.h"

namespace loopstall::probes {

/// One way to hook the turn boundaries. No step keeps anything: what it attaches is in the links.
struct Step {
  BoundaryHook hook;
  std::string_view name;  ///< as --hook calls it
  bool only_on_demand;    ///< not chosen by itself
  /// Before the load, with no boundary program chosen: chooses its own.
  base::Result<void> (*choose)(::loopstall_bpf&);
  /// After the load.
  base::Result<void> (*attach)(::loopstall_bpf&, std::vector<Link>&);
  /// poll and select, until the links are destroyed; what cannot be hooked is in the log. A step
  /// that sees every call anyhow needs no link.
  void (*attach_polls)(::loopstall_bpf&, std::vector<Link>&);
};

/// The cheapest for the machine first.
std::span<const Step> hook_steps();

/// Chooses that step's programs for the turn boundaries, and none of the others'.
base::Result<void> choose_step(const Step& step, ::loopstall_bpf& skeleton);

}  // namespace loopstall::probes
