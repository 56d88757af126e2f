// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "host/procfs.h"
#include "loops/labels.h"

namespace loopstall::session {

/// Fills `namespace`, `pod` and `container` of a process in a container, without asking any API:
/// the cgroup path has the container's id and the pod's uid, the node's /var/log/containers and
/// /var/log/pods have their names. Where the node's logs cannot be read, the process's own mounts,
/// host name and service account say them. Names are set all or none; without them `container` is
/// the short id. See docs/kubernetes.md. For the resolver's threads: it reads files of the node and
/// of the target.
void label_container(const host::Procfs& procfs, pid_t pid, loops::LoopLabels& labels);

}  // namespace loopstall::session
