// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace loopstall::host {

/// Which container a process is in, as its cgroup path says. The path is the runtime's work: the
/// process has no part in it.
struct ContainerIdentity {
  /// 64 hexadecimal digits; on ECS 32, a dash and a number; under LXC the container's name. Empty
  /// outside containers.
  std::string id;
  /// The Kubernetes pod: a UUID with dashes, or a static pod's 32 digits. Empty outside pods.
  std::string pod_uid;

  bool operator==(const ContainerIdentity&) const = default;
};

/// Reads the text of /proc/PID/cgroup in the forms of Docker, containerd, CRI-O, podman, ECS and
/// LXC, of the kubelet's cgroupfs and systemd drivers, on cgroup v1 and v2. Paths are matched from
/// their right end: seen from a private cgroup namespace they begin with `/../..`, and kind's nodes
/// are containers themselves. Monitors (`crio-conmon-…`, `libpod-conmon-…`) are in no container.
ContainerIdentity container_identity(std::string_view cgroup_text);

/// What stands for a container without a name: the first 12 of 64 digits, as runtimes show it.
std::string short_container_id(const std::string& id);

}  // namespace loopstall::host
