// SPDX-License-Identifier: Apache-2.0
#include "host/container.h"

#include <algorithm>
#include <vector>

namespace loopstall::host {
namespace {

constexpr std::size_t kIdDigits = 64;
constexpr std::size_t kShortDigits = 12;
constexpr std::size_t kTaskDigits = 32;  // of an ECS task, and of a static pod's hash
constexpr std::size_t kUuidBytes = 36;
constexpr std::size_t kMaxIdBytes = 64;
constexpr std::size_t kMaxComponents = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); }
bool all_hex(std::string_view text) { return std::all_of(text.begin(), text.end(), is_hex); }

bool is_task_container(std::string_view component) {
  return component.size() > kTaskDigits + 1 && component.size() <= kMaxIdBytes &&
         all_hex(component.substr(0, kTaskDigits)) && component[kTaskDigits] == '-' &&
         std::all_of(component.begin() + kTaskDigits + 1, component.end(), is_digit);
}

std::string_view lxc_name(std::string_view component) {
  constexpr std::string_view kPayload = "lxc.payload.";
  if (!component.starts_with(kPayload)) return {};
  component.remove_prefix(kPayload.size());
  const bool plain = std::all_of(component.begin(), component.end(), [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
  });
  return plain && component.size() <= kMaxIdBytes ? component : std::string_view();
}

/// The container's id in one path component, or nothing.
std::string_view id_in(std::string_view component) {
  if (is_task_container(component)) return component;
  if (const std::string_view name = lxc_name(component); !name.empty()) return name;
  constexpr std::string_view kScope = ".scope";
  if (component.ends_with(kScope)) component.remove_suffix(kScope.size());
  if (component.size() < kIdDigits) return {};
  const std::string_view id = component.substr(component.size() - kIdDigits);
  const std::string_view prefix = component.substr(0, component.size() - kIdDigits);
  if (!all_hex(id) || prefix.ends_with("conmon-")) return {};
  if (!prefix.empty() && prefix.back() != '-' && prefix.back() != ':') return {};
  return id;
}

/// With dashes, where it is one.
std::string pod_uid(std::string_view text) {
  if (text.size() == kTaskDigits && all_hex(text)) return std::string(text);
  if (text.size() != kUuidBytes) return {};
  std::string uid(text);
  for (std::size_t at = 0; at < uid.size(); ++at) {
    const bool is_dash = at == 8 || at == 13 || at == 18 || at == 23;
    if (is_dash ? uid[at] != '-' && uid[at] != '_' : !is_hex(uid[at])) return {};
    if (is_dash) uid[at] = '-';
  }
  return uid;
}

/// From `pod<uid>` or `kubepods-burstable-pod<uid>.slice`; nothing from others.
std::string pod_uid_in(std::string_view component) {
  // containerd v1 under systemd puts the container into the same component, behind a colon.
  component = component.substr(0, component.find(':'));
  constexpr std::string_view kSlice = ".slice";
  if (component.ends_with(kSlice)) component.remove_suffix(kSlice.size());
  constexpr std::string_view kPod = "pod";
  const std::size_t at = component.rfind(kPod);
  if (at == std::string_view::npos || (at != 0 && component[at - 1] != '-')) return {};
  return pod_uid(component.substr(at + kPod.size()));
}

ContainerIdentity identity_in(std::string_view path) {
  std::vector<std::string_view> components;
  while (!path.empty() && components.size() < kMaxComponents) {
    const std::size_t end = std::min(path.find('/'), path.size());
    components.push_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  ContainerIdentity identity;
  std::size_t pod_at = 0;
  for (std::size_t at = components.size(); at > 0 && identity.pod_uid.empty(); --at) {
    identity.pod_uid = pod_uid_in(components[at - 1]);
    if (!identity.pod_uid.empty()) pod_at = at - 1;
  }
  for (std::size_t at = pod_at; at < components.size(); ++at) {
    const std::string_view id = id_in(components[at]);
    if (id.empty()) continue;
    identity.id = id;
    // A pod's own container is the outermost below the pod: what it starts itself is part of it.
    if (!identity.pod_uid.empty()) break;
  }
  return identity;
}

}  // namespace

ContainerIdentity container_identity(std::string_view cgroup_text) {
  ContainerIdentity best;
  while (!cgroup_text.empty()) {
    std::string_view line = cgroup_text.substr(0, cgroup_text.find('\n'));
    cgroup_text.remove_prefix(std::min(line.size() + 1, cgroup_text.size()));
    for (int field = 0; field < 2; ++field) {  // the hierarchy's number and its controllers
      line.remove_prefix(std::min(line.find(':'), line.size()));
      if (!line.empty()) line.remove_prefix(1);
    }
    ContainerIdentity found = identity_in(line);
    if (!found.id.empty() && !found.pod_uid.empty()) return found;
    if (best.id.empty() && !found.id.empty()) best.id = std::move(found.id);
    if (best.pod_uid.empty() && !found.pod_uid.empty()) best.pod_uid = std::move(found.pod_uid);
  }
  return best;
}

std::string short_container_id(const std::string& id) {
  return id.size() == kIdDigits && all_hex(id) ? id.substr(0, kShortDigits) : id;
}

}  // namespace loopstall::host
