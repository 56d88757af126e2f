// SPDX-License-Identifier: Apache-2.0
#include "session/container_labels.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/container.h"
#include "host/pod_name.h"
#include "stacks/rooted_tree.h"

namespace loopstall::session {
namespace {

using host::PodName;
using stacks::RootedTree;

constexpr std::size_t kMaxNameFileBytes = 4'096;
constexpr std::string_view kPodLogs = "/var/log/pods";

struct Identity {
  host::ContainerIdentity cgroup;
  std::string pod_uid;
  std::string container;  ///< as the kubelet's mount names it; may be empty
};

Identity identify(const host::Procfs& procfs, pid_t pid) {
  Identity identity;
  identity.cgroup = host::container_identity(procfs.cgroup(pid).value_or(std::string()));
  identity.pod_uid = identity.cgroup.pod_uid;
  const auto mounts = procfs.mountinfo(pid);
  if (!mounts) return identity;
  if (auto mount = host::kubelet_mount(*mounts, identity.pod_uid)) {
    identity.pod_uid = std::move(mount->pod_uid);
    identity.container = std::move(mount->container);
  }
  return identity;
}

/// Where the node's logs are: with its first process, which is in no container. Some machines let
/// nobody look there, not even root; then what is mounted where the agent itself is.
std::string node_root(const host::Procfs& procfs) {
  std::string root = procfs.path(1, "root");
  std::error_code error;
  return std::filesystem::is_directory(root, error) ? root : procfs.root() + "/self/root";
}

std::optional<PodName> name_by_log_link(const RootedTree& node, const Identity& identity) {
  std::optional<PodName> found;
  if (identity.cgroup.id.empty()) return found;
  node.names("/var/log/containers", [&](std::string_view name) {
    if (!found) found = host::pod_of_log_link(name, identity.cgroup.id);
    return false;
  });
  return found;
}

/// There is a folder for each container of the pod, made before the container is.
std::string only_container(const RootedTree& node, const std::string& pod_folder) {
  const std::vector<std::string> containers =
      node.names(pod_folder, [](std::string_view name) { return host::is_dns_label(name); });
  return containers.size() == 1 ? containers.front() : std::string();
}

std::optional<PodName> name_by_log_folder(const RootedTree& node, const Identity& identity) {
  std::optional<PodName> found;
  if (identity.pod_uid.empty()) return found;
  const std::vector<std::string> folders =
      node.names(std::string(kPodLogs), [&](std::string_view name) {
        return host::pod_of_log_folder(name, identity.pod_uid).has_value();
      });
  if (folders.size() != 1) return found;
  found = host::pod_of_log_folder(folders.front(), identity.pod_uid);
  found->container = identity.container.empty()
                         ? only_container(node, std::string(kPodLogs) + "/" + folders.front())
                         : identity.container;
  if (found->container.empty()) found.reset();
  return found;
}

std::string first_line(const RootedTree& tree, const std::string& path) {
  const std::string text = tree.read(path, kMaxNameFileBytes).value_or(std::string());
  return text.substr(0, text.find('\n'));
}

std::string namespace_of(const RootedTree& target) {
  std::string name = first_line(target, "/var/run/secrets/kubernetes.io/serviceaccount/namespace");
  if (host::is_dns_label(name)) return name;
  const auto resolv_conf = target.read("/etc/resolv.conf", kMaxNameFileBytes);
  if (!resolv_conf) return {};
  return host::namespace_of_resolv_conf(*resolv_conf).value_or(std::string());
}

/// A pod in the node's network has the node's host name. The node's is known by its first process
/// alone: the agent's own may be its pod's, and where it cannot be read none counts as a pod's own.
bool has_own_host_name(const host::Procfs& procfs, pid_t pid) {
  std::error_code error;
  const auto own = std::filesystem::read_symlink(procfs.path(pid, "ns/uts"), error);
  const auto nodes = std::filesystem::read_symlink(procfs.path(1, "ns/uts"), error);
  return !own.empty() && !nodes.empty() && own != nodes;
}

/// What the pod says of itself: its containers can change it, so it is asked last.
std::optional<PodName> name_by_target(const host::Procfs& procfs, pid_t pid,
                                      const Identity& identity) {
  if (identity.container.empty() || !has_own_host_name(procfs, pid)) return std::nullopt;
  const RootedTree target(procfs.path(pid, "root"));
  PodName name{namespace_of(target), first_line(target, "/etc/hostname"), identity.container};
  if (name.namespace_.empty() || !host::is_dns_subdomain(name.pod)) return std::nullopt;
  return name;
}

}  // namespace

void label_container(const host::Procfs& procfs, pid_t pid, loops::LoopLabels& labels) {
  const Identity identity = identify(procfs, pid);
  if (identity.cgroup.id.empty() && identity.pod_uid.empty()) return;
  const RootedTree node(node_root(procfs));
  std::optional<PodName> name = name_by_log_link(node, identity);
  if (!name) name = name_by_log_folder(node, identity);
  if (!name) name = name_by_target(procfs, pid, identity);
  if (!name) {
    labels.container = host::short_container_id(identity.cgroup.id);
    return;
  }
  labels.namespace_ = std::move(name->namespace_);
  labels.pod = std::move(name->pod);
  labels.container = std::move(name->container);
}

}  // namespace loopstall::session
