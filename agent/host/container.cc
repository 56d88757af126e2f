// SPDX-License-Identifier: Apache-2.0
#include "host/container.h"

#include <algorithm>

namespace loopstall::host {
namespace {

constexpr std::size_t kIdDigits = 64;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

/// The id in one path component, or nothing.
std::string_view id_in(std::string_view component) {
  constexpr std::string_view kScope = ".scope";
  if (component.ends_with(kScope)) component.remove_suffix(kScope.size());
  if (component.size() < kIdDigits) return {};
  const std::string_view id = component.substr(component.size() - kIdDigits);
  const std::string_view prefix = component.substr(0, component.size() - kIdDigits);
  if (!std::all_of(id.begin(), id.end(), is_hex)) return {};
  if (prefix.ends_with("conmon-")) return {};
  if (!prefix.empty() && prefix.back() != '-' && prefix.back() != ':') return {};
  return id;
}

}  // namespace

std::string container_id(std::string_view cgroup_text) {
  std::string_view last;
  while (!cgroup_text.empty()) {
    const std::size_t end = std::min(cgroup_text.find_first_of("/\n"), cgroup_text.size());
    if (const std::string_view id = id_in(cgroup_text.substr(0, end)); !id.empty()) last = id;
    cgroup_text.remove_prefix(std::min(end + 1, cgroup_text.size()));
  }
  return std::string(last);
}

}  // namespace loopstall::host
