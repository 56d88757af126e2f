// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "stacks/frame.h"
#include "stacks/installed_packages.h"
#include "stacks/process_code.h"
#include "stacks/rooted_tree.h"

namespace loopstall::stacks {

/// The user's say about origins.
struct OriginOptions {
  /// Import names of installed packages that are the user's own: "ocr_core", "acme.billing".
  std::vector<std::string> application_packages;
};

/// Decides who owns the code objects of one process: the application-frame rule of
/// docs/attribution.md.
///
/// It reads the target's files (dist-info folders, bounded in size and number, regular files
/// only, never outside `process.root`), so call it from the resolver's threads, never from the one
/// that drains the ring buffer. What was read of a folder is kept: cache no longer than the
/// process lives. Not thread-safe. Files that cannot be read are as if absent.
class CodeOrigin {
 public:
  CodeOrigin(ProcessCode process, OriginOptions options);

  /// `filename` is the raw co_filename.
  Ownership classify(std::string_view filename);

  /// The standard library's folder: as given, or as found from the paths seen so far; else empty.
  const std::string& stdlib_dir() const { return process_.stdlib_dir; }

 private:
  Ownership classify_special(std::string_view name) const;
  Ownership classify_below(const std::string& directory, std::string_view below,
                           InstalledPackages::Scope scope);
  Ownership classify_zipped(std::string_view below) const;
  Ownership classify_elsewhere(const std::string& path);
  bool is_stdlib(const std::string& path);
  bool holds_stdlib(const std::string& directory);
  bool is_configured(std::string_view module) const;
  const InstalledPackages& packages(const std::string& directory, InstalledPackages::Scope scope);

  ProcessCode process_;
  OriginOptions options_;
  RootedTree tree_;
  std::map<std::string, InstalledPackages> packages_;  // by folder
  std::map<std::string, bool> stdlib_dirs_;            // folders that were looked at
};

}  // namespace loopstall::stacks
