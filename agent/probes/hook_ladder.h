// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "probes/hook_steps.h"
#include "probes/options.h"
#include "probes/skeleton.h"
#include "stalls/snapshot.h"

namespace loopstall::probes {

/// The programs, loaded and attached. Members are destroyed links first.
struct AttachedPrograms {
  Skeleton skeleton;
  std::vector<Link> links;
  std::vector<Link> detail_links;         ///< context switches and the clock
  std::vector<PerfPoint> clocks;          ///< one a CPU
  std::vector<PerfPoint> polls;           ///< of poll and select
  std::vector<stalls::HookChoice> hooks;  ///< what was chosen
  const Step* step = nullptr;             ///< one of hook_steps()
};

/// Loads and attaches, trying the steps of the ladder in order (or the one that is demanded):
/// the first that the kernel accepts is used. Fails with ErrorKind::environment and the reason of
/// every step that was tried.
base::Result<AttachedPrograms> attach_programs(const ProbeOptions& options);

/// Hooks what is inside a turn: context switches, and the clock at `rate_hz`. Without them only the
/// lengths of turns are known. Whether there is a clock; fails with ErrorKind::environment, and
/// then hooks nothing.
base::Result<bool> attach_details(AttachedPrograms& programs, uint32_t rate_hz);

/// Hooks poll and select by the step that was chosen, until the links are destroyed. A step that
/// sees every call anyhow needs no link.
std::vector<Link> attach_poll_points(AttachedPrograms& programs);

}  // namespace loopstall::probes
