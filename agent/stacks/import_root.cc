// SPDX-License-Identifier: Apache-2.0
#include "stacks/import_root.h"

#include <algorithm>

#include "base/utf8.h"
#include "stacks/code_path.h"

namespace loopstall::stacks {
namespace {

constexpr std::size_t kMaxFolders = 4'096;
constexpr int kMaxPackageDepth = 32;

std::string_view parent_of(std::string_view path) { return path.substr(0, path.rfind('/')); }

}  // namespace

ImportRoots::ImportRoots(const ProcessCode& process)
    : tree_(process.root), cwd_(process.cwd.empty() ? "/" : process.cwd) {
  add_known(cwd_);
  add_known(process.stdlib_dir);
  if (!process.script.empty()) {
    add_known(parent_of(normalised_path(process.script, cwd_)));
  }
  for (const std::string& root : process.import_roots) add_known(root);
}

// "/" is no import root that anybody means, though it is many containers' working directory.
void ImportRoots::add_known(std::string_view directory) {
  if (directory.empty()) return;
  std::string normalised = normalised_path(directory, cwd_);
  if (normalised != "/") known_.push_back(std::move(normalised));
}

std::string ImportRoots::label(std::string_view filename) {
  if (filename.empty() || filename.starts_with('<')) {
    return base::bounded_utf8_tail(filename, kMaxFileLabelBytes);
  }
  const std::string path = normalised_path(filename, cwd_);
  return base::bounded_utf8_tail(std::string_view(path).substr(root_bytes(path)),
                                 kMaxFileLabelBytes);
}

// How many bytes of the path its import root takes, with the slash behind it.
std::size_t ImportRoots::root_bytes(const std::string& path) {
  if (const auto site = split_site_path(path)) return site->directory.size() + 1;
  if (const auto zip = split_zip_path(tree_, path)) return zip->directory.size() + 1;
  std::size_t longest = 0;
  for (const std::string& root : known_) {
    if (root.size() > longest && is_below(path, root)) longest = root.size();
  }
  if (const auto stdlib = stdlib_dir_by_form(path)) longest = std::max(longest, stdlib->size());
  if (longest > 0) return longest + 1;
  std::string_view directory = parent_of(path);
  for (int level = 0; level < kMaxPackageDepth && is_package(directory); ++level) {
    directory = parent_of(directory);
  }
  return directory.size() + 1;
}

bool ImportRoots::is_package(std::string_view directory) {
  if (directory.empty()) return false;
  std::string key(directory);
  if (const auto known = packages_.find(key); known != packages_.end()) return known->second;
  if (packages_.size() >= kMaxFolders) packages_.clear();
  const bool package = tree_.has_file(key + "/__init__.py");
  packages_.emplace(std::move(key), package);
  return package;
}

}  // namespace loopstall::stacks
