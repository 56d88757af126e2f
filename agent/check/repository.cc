// SPDX-License-Identifier: Apache-2.0
#include "check/repository.h"

#include <system_error>

namespace loopstall::check {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

/// The part of `path` below `folder`; empty where it is not below.
fs::path below(const fs::path& folder, const fs::path& path) {
  const fs::path relative = path.lexically_normal().lexically_relative(folder);
  const bool is_outside = relative.empty() || *relative.begin() == "..";
  return is_outside ? fs::path() : relative;
}

}  // namespace

fs::path repository_above(const fs::path& start) {
  std::error_code ignored;
  for (fs::path folder = start; folder.has_relative_path(); folder = folder.parent_path()) {
    if (fs::exists(folder / ".git", ignored)) return folder;
  }
  return start;
}

std::string path_in(const fs::path& repository, const Finding& finding) {
  const fs::path raw = fs::path(finding.path).lexically_normal();
  if (const fs::path inside = below(repository, raw); !inside.empty()) return inside.string();
  fs::path end;
  fs::path found;
  for (auto part = raw.end(); part != raw.begin();) {
    --part;
    if (part->is_absolute() || *part == "..") break;
    end = *part / end;
    const fs::path candidate = end.has_filename() ? end : end.parent_path();
    if (is_file(repository / candidate)) found = candidate;
  }
  return found.empty() ? finding.file : found.string();
}

}  // namespace loopstall::check
