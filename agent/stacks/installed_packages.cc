// SPDX-License-Identifier: Apache-2.0
#include "stacks/installed_packages.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

namespace loopstall::stacks {
namespace {

constexpr std::size_t kMaxDistInfos = 2'000;
constexpr std::size_t kMaxOwnedFiles = 200'000;
constexpr std::size_t kMaxRecordBytes = 4 * 1024 * 1024;
constexpr std::size_t kMaxDirectUrlBytes = 64 * 1024;

std::size_t hash_of(std::string_view text) { return std::hash<std::string_view>{}(text); }

bool from_local_directory(const RootedTree& tree, const std::string& dist_info) {
  const auto text = tree.read(dist_info + "/direct_url.json", kMaxDirectUrlBytes);
  if (!text) return false;
  const auto json = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  return json.is_object() && json.contains("dir_info");
}

// The first field of a CSV row: a path, quoted where it holds a comma or a quote.
std::string record_path(std::string_view row) {
  if (!row.starts_with('"')) return std::string(row.substr(0, row.find(',')));
  std::string path;
  for (std::size_t i = 1; i < row.size(); ++i) {
    if (row[i] != '"') {
      path += row[i];
    } else if (i + 1 < row.size() && row[i + 1] == '"') {
      path += row[i++];
    } else {
      break;
    }
  }
  return path;
}

// "acme_billing-1.0.dist-info" -> "acme_billing": the usual import name of the distribution.
std::string import_name(std::string_view dist_info) {
  std::string name(dist_info.substr(0, dist_info.find('-')));
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

}  // namespace

InstalledPackages::InstalledPackages(const RootedTree& tree, const std::string& directory,
                                     Scope scope) {
  auto dist_infos =
      tree.names(directory, [](std::string_view name) { return name.ends_with(".dist-info"); });
  if (dist_infos.size() > kMaxDistInfos) dist_infos.resize(kMaxDistInfos);
  for (const std::string& dist_info : dist_infos) {
    add_distribution(tree, directory, dist_info, scope);
  }
  std::sort(files_.begin(), files_.end(),
            [](const OwnedFile& a, const OwnedFile& b) { return a.hash < b.hash; });
  files_.shrink_to_fit();
}

void InstalledPackages::add_distribution(const RootedTree& tree, const std::string& directory,
                                         const std::string& dist_info, Scope scope) {
  const std::string folder = (directory == "/" ? "" : directory) + "/" + dist_info;
  const bool local = from_local_directory(tree, folder);
  if (!local && scope == Scope::site) return;
  const auto record = tree.read(folder + "/RECORD", kMaxRecordBytes);
  const Owner owner = local ? Owner::local_directory : Owner::distribution;
  const bool added = record && add_record(*record, owner);
  if (!added && local) local_names_.insert(import_name(dist_info));
}

bool InstalledPackages::add_record(const std::string& record, Owner owner) {
  for (std::size_t start = 0; start < record.size();) {
    const std::size_t end = std::min(record.find('\n', start), record.size());
    const std::string_view row = std::string_view(record).substr(start, end - start);
    start = end + 1;
    if (row.find(".py") == std::string_view::npos) continue;
    const std::string path = record_path(row);
    if (!path.ends_with(".py")) continue;
    if (files_.size() >= kMaxOwnedFiles) return false;
    files_.push_back({hash_of(path), owner});
  }
  return true;
}

InstalledPackages::Owner InstalledPackages::owner(std::string_view below) const {
  const std::size_t hash = hash_of(below);
  const auto file = std::lower_bound(
      files_.begin(), files_.end(), hash,
      [](const OwnedFile& candidate, std::size_t wanted) { return candidate.hash < wanted; });
  if (file != files_.end() && file->hash == hash) return file->owner;
  std::string_view top = below.substr(0, below.find('/'));
  if (top.ends_with(".py")) top.remove_suffix(3);
  return local_names_.contains(top) ? Owner::local_directory : Owner::nobody;
}

}  // namespace loopstall::stacks
