// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace loopstall::stacks {

/// A read-only view of a target's file system below `root` ("/proc/123/root", or a tree that a
/// test built). Paths are the target's own, absolute; symbolic links, absolute ones too, stay
/// inside the root (openat2 RESOLVE_IN_ROOT), and nothing but regular files and folders is opened.
/// A call may still hang on a dead network mount: for the resolver's threads only.
class RootedTree {
 public:
  explicit RootedTree(std::string root) : root_(std::move(root)) {}

  bool has_file(const std::string& path) const;

  /// The whole content; nothing when absent, unreadable or larger than `max_bytes`.
  std::optional<std::string> read(const std::string& path, std::size_t max_bytes) const;

  /// Names in a folder that `wanted` accepts, sorted, among its first 20,000 entries.
  std::vector<std::string> names(const std::string& path,
                                 const std::function<bool(std::string_view)>& wanted) const;

 private:
  std::string root_;
};

/// The absolute form of a path without ".", "..", empty components or a trailing slash; a relative
/// one is taken below `cwd`. Symbolic links are not followed. Empty when neither is absolute.
std::string normalised_path(std::string_view path, std::string_view cwd);

}  // namespace loopstall::stacks
