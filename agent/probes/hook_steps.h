// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "probes/options.h"
#include "probes/skeleton.h"

namespace loopstall::probes {

/// An event that a program can be attached to and detached from, as often as one likes: opening it
/// takes CAP_PERFMON, which may be gone by then.
struct PerfPoint {
  const bpf_program* program;
  base::UniqueFd event;
};

/// Attaches the program. Fails with ErrorKind::environment.
base::Result<void> attach_point(const PerfPoint& point, std::vector<Link>& links,
                                std::string_view what);

/// One way to hook the turn boundaries. No step keeps anything: what it attaches is in the links.
struct Step {
  BoundaryHook hook;
  std::string_view name;  ///< as --hook calls it
  bool only_on_demand;    ///< not chosen by itself
  /// Before the load, with no boundary program chosen: chooses its own.
  base::Result<void> (*choose)(::loopstall_bpf&);
  /// After the load.
  base::Result<void> (*attach)(::loopstall_bpf&, std::vector<Link>&);
  /// The events of poll and select, where the step has events; what cannot be hooked is in the log.
  std::vector<PerfPoint> (*open_polls)(::loopstall_bpf&);
  /// poll and select, until the links are destroyed; what cannot be hooked is in the log. A step
  /// that sees every call anyhow needs no link.
  void (*attach_polls)(::loopstall_bpf&, const std::vector<PerfPoint>&, std::vector<Link>&);
};

/// The cheapest for the machine first.
std::span<const Step> hook_steps();

/// Chooses that step's programs for the turn boundaries, and none of the others'.
base::Result<void> choose_step(const Step& step, ::loopstall_bpf& skeleton);

}  // namespace loopstall::probes
