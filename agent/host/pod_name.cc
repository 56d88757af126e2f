// SPDX-License-Identifier: Apache-2.0
#include "host/pod_name.h"

#include <algorithm>

namespace loopstall::host {
namespace {

constexpr std::size_t kMaxLabelBytes = 63;
constexpr std::size_t kMaxSubdomainBytes = 253;
constexpr std::size_t kMaxFileNameBytes = 255;
constexpr std::size_t kLeastIdDigits = 12;  // of an id that was cut
constexpr std::size_t kMaxMounts = 65'536;

bool is_word(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); }

/// Cuts off what lies before the next `separator`.
std::string_view next(std::string_view& text, char separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

/// Cuts off what lies behind the last `separator`; all, where there is none.
std::string_view last(std::string_view& text, char separator) {
  const std::size_t at = text.rfind(separator);
  const std::string_view part = text.substr(at + 1);
  text = text.substr(0, at == std::string_view::npos ? 0 : at);
  return part;
}

bool is_complete(const PodName& name) {
  return is_dns_label(name.namespace_) && is_dns_subdomain(name.pod) &&
         is_dns_label(name.container);
}

/// From a mount's source, which is relative to its file system: matched from the right.
std::optional<KubeletMount> mount_of_source(std::string_view source) {
  constexpr std::string_view kDeleted = "//deleted";
  if (source.ends_with(kDeleted)) source.remove_suffix(kDeleted.size());
  last(source, '/');  // random
  const std::string_view container = last(source, '/');
  if (last(source, '/') != "containers") return std::nullopt;
  const std::string_view uid = last(source, '/');
  if (last(source, '/') != "pods" || uid.empty() || !is_dns_label(container)) return std::nullopt;
  return KubeletMount{std::string(uid), std::string(container)};
}

}  // namespace

bool is_dns_label(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLabelBytes && is_word(text.front()) &&
         is_word(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_word(c) || c == '-'; });
}

bool is_dns_subdomain(std::string_view text) {
  if (text.empty() || text.size() > kMaxSubdomainBytes || text.back() == '.') return false;
  while (!text.empty()) {
    // Parts of a pod's name may be longer than a label: the whole is what is bounded.
    const std::string_view part = next(text, '.');
    if (part.empty() || !is_word(part.front()) || !is_word(part.back())) return false;
    if (!std::all_of(part.begin(), part.end(), [](char c) { return is_word(c) || c == '-'; })) {
      return false;
    }
  }
  return true;
}

std::optional<PodName> pod_of_log_link(std::string_view file_name, std::string_view container_id) {
  constexpr std::string_view kLog = ".log";
  const bool may_be_cut = file_name.size() >= kMaxFileNameBytes;
  if (!file_name.ends_with(kLog)) return std::nullopt;
  file_name.remove_suffix(kLog.size());
  const std::string_view id = last(file_name, '-');
  const bool is_whole = id == container_id;
  const bool is_cut = may_be_cut && id.size() >= kLeastIdDigits && container_id.starts_with(id);
  if (container_id.empty() || (!is_whole && !is_cut)) return std::nullopt;
  PodName name;
  name.pod = next(file_name, '_');
  name.namespace_ = next(file_name, '_');
  name.container = file_name;
  if (!is_complete(name)) return std::nullopt;
  return name;
}

std::optional<PodName> pod_of_log_folder(std::string_view folder_name, std::string_view pod_uid) {
  PodName name;
  name.namespace_ = next(folder_name, '_');
  name.pod = next(folder_name, '_');
  const bool is_pods = !pod_uid.empty() && folder_name == pod_uid;
  if (!is_pods || !is_dns_label(name.namespace_) || !is_dns_subdomain(name.pod)) {
    return std::nullopt;
  }
  return name;
}

std::optional<KubeletMount> kubelet_mount(std::string_view mountinfo, std::string_view pod_uid) {
  for (std::size_t lines = 0; !mountinfo.empty() && lines < kMaxMounts; ++lines) {
    std::string_view line = next(mountinfo, '\n');
    for (int field = 0; field < 3; ++field) next(line, ' ');  // its id, its parent's, the device
    const std::string_view source = next(line, ' ');
    const std::string_view place = next(line, ' ');
    // terminationMessagePath may be any; where the uid is known, it is check enough.
    if (pod_uid.empty() && place != "/dev/termination-log") continue;
    auto mount = mount_of_source(source);
    if (mount && (pod_uid.empty() || mount->pod_uid == pod_uid)) return mount;
  }
  return std::nullopt;
}

std::optional<std::string> namespace_of_resolv_conf(std::string_view text) {
  constexpr std::string_view kSearch = "search ";
  while (!text.empty()) {
    std::string_view line = next(text, '\n');
    if (!line.starts_with(kSearch)) continue;
    line.remove_prefix(kSearch.size());
    while (!line.empty()) {
      std::string_view domain = next(line, ' ');
      const std::string_view name = next(domain, '.');
      if (domain.starts_with("svc.") && is_dns_label(name)) return std::string(name);
    }
  }
  return std::nullopt;
}

}  // namespace loopstall::host
