// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace loopstall::host {

/// A container of a Kubernetes pod. Each part is a valid DNS name, so it is bounded and needs no
/// escaping: what else is found in its place is no name.
struct PodName {
  std::string namespace_;
  std::string pod;
  std::string container;

  bool operator==(const PodName&) const = default;
};

/// From the name of a link in /var/log/containers, `<pod>_<namespace>_<container>-<id>.log`, if it
/// is that container's. The kubelet cuts these names at 255 bytes, and with them the id
/// (pkg/kubelet/kuberuntime/legacy.go).
std::optional<PodName> pod_of_log_link(std::string_view file_name, std::string_view container_id);

/// From the name of a folder in /var/log/pods, `<namespace>_<pod>_<uid>`, if it is that pod's.
/// Without the container.
std::optional<PodName> pod_of_log_folder(std::string_view folder_name, std::string_view pod_uid);

/// What the kubelet mounts into a container: the file for its last words.
struct KubeletMount {
  std::string pod_uid;
  std::string container;

  bool operator==(const KubeletMount&) const = default;
};

/// From the text of /proc/PID/mountinfo: the source of /dev/termination-log is
/// `…/pods/<uid>/containers/<container>/<random>` (kuberuntime_container.go). Only a pod whose uid
/// is `pod_uid` counts, unless that is empty: a container may mount the folders of other pods.
std::optional<KubeletMount> kubelet_mount(std::string_view mountinfo, std::string_view pod_uid);

/// The namespace in the search list of a pod's /etc/resolv.conf, `<namespace>.svc.<domain>`.
std::optional<std::string> namespace_of_resolv_conf(std::string_view text);

/// RFC 1123, as Kubernetes demands: labels of [a-z0-9-] that begin and end with neither dash nor
/// dot. A label has no dots and at most 63 bytes, a subdomain at most 253.
bool is_dns_label(std::string_view text);
bool is_dns_subdomain(std::string_view text);

}  // namespace loopstall::host
