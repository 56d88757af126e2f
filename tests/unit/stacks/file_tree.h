// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace loopstall::stacks {

/// A file system of a target, built in a temporary folder and removed with the object.
class FileTree {
 public:
  FileTree() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "loopstall-tree-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    root_ = pattern;
  }
  ~FileTree() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  FileTree(const FileTree&) = delete;
  FileTree& operator=(const FileTree&) = delete;

  /// `path` as the target sees it, absolute.
  FileTree& file(std::string_view path, std::string_view content = "") {
    const std::filesystem::path real = on_host(path);
    std::filesystem::create_directories(real.parent_path());
    std::ofstream(real, std::ios::binary) << content;
    return *this;
  }

  std::filesystem::path on_host(std::string_view path) const {
    return root_ / std::filesystem::path(path).relative_path();
  }
  std::string root() const { return root_.string(); }

 private:
  std::filesystem::path root_;
};

}  // namespace loopstall::stacks
