// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace loopstall::probes {

/// What is still to be done once everything is attached.
struct RemainingWork {
  std::function<bool()> uses_a_map;  ///< whether the kernel lets this thread use a BPF map now
  /// Whether it lets this thread open a perf event now; none, where none is to be opened.
  std::function<bool()> opens_a_perf_event;
};

/// Gives up the capabilities that attaching needed, and any way to get others, for the calling
/// thread and all that it starts from now on. Kept are those to read processes
/// (CAP_CHECKPOINT_RESTORE, if it was granted: for what was deleted while it is mapped), and, where
/// the remaining work asks for it, those of BPF (kernels before 5.19 ask at each use of a map while
/// kernel.unprivileged_bpf_disabled is not 0) and of perf events (CAP_SYS_ADMIN where CAP_PERFMON
/// does not do: Debian's and Ubuntu's kernels). Returns the names of what is kept, with commas.
/// Fails with ErrorKind::environment where the kernel refuses.
base::Result<std::string> drop_capabilities(const RemainingWork& work);

}  // namespace loopstall::probes
