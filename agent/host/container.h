// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace loopstall::host {

/// The full 64-digit container id in the text of /proc/PID/cgroup; empty outside containers.
/// It is the last path component that is one, in the forms of docker, containerd, CRI-O and podman
/// (prefix `docker-`, `cri-containerd-`, `crio-`, `libpod-` or `…:cri-containerd:`, suffix
/// `.scope`). Monitors (`crio-conmon-…`, `libpod-conmon-…`) are not the container.
std::string container_id(std::string_view cgroup_text);

}  // namespace loopstall::host
