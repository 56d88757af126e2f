// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace loopstall::probes {

/// What is still to be done once everything is attached.
struct RemainingWork {
  std::function<bool()> uses_a_map;  ///< whether the kernel lets this thread use a BPF map now
  bool opens_perf_events = false;
};

/// Gives up the capabilities that attaching needed, and any way to get others, for the calling
/// thread and all that it starts from now on. Kept are those to read processes
/// (CAP_CHECKPOINT_RESTORE, if it was granted: for what was deleted while it is mapped), and, where
/// the remaining work asks for it, those of BPF (kernels before 5.19 ask at each use of a map while
/// kernel.unprivileged_bpf_disabled is not 0) and of perf events. Returns the names of what is
/// kept, with commas. Fails with ErrorKind::environment where the kernel refuses.
base::Result<std::string> drop_capabilities(const RemainingWork& work);

}  // namespace loopstall::probes
