// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "stacks/process_code.h"
#include "stacks/rooted_tree.h"

namespace loopstall::stacks {

/// The longest `file` label, in bytes.
inline constexpr std::size_t kMaxFileLabelBytes = 200;

/// Shortens raw paths to what follows their import root: /srv/app/services/ocr.py, imported as
/// app.services.ocr, becomes app/services/ocr.py; see docs/attribution.md for the rule.
///
/// It looks for __init__.py files of the target below `process.root`: call it from the resolver's
/// thread. Not thread-safe.
class ImportRoots {
 public:
  explicit ImportRoots(const ProcessCode& process);

  /// The `file` label of a raw co_filename: valid UTF-8, at most kMaxFileLabelBytes (its tail).
  std::string label(std::string_view filename);

 private:
  void add_known(std::string_view directory);
  std::size_t root_bytes(const std::string& path);
  bool is_package(std::string_view directory);

  RootedTree tree_;
  std::string cwd_;
  std::vector<std::string> known_;        // absolute, normalised, never "/"
  std::map<std::string, bool> packages_;  // folders that were looked at
};

}  // namespace loopstall::stacks
