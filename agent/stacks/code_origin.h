// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "stacks/frame.h"
#include "stacks/process_code.h"

namespace loopstall::stacks {

class InstalledPackages;

/// The user's say about origins.
struct OriginOptions {
  /// Import names in site-packages that are the user's own: "ocr_core", "acme.billing".
  std::vector<std::string> application_packages;
};

/// Decides who owns the code objects of one process: the application-frame rule of
/// docs/attribution.md.
///
/// It reads the target's files (dist-info folders, bounded in size and number, regular files
/// only, never outside `process.root`), so call it from the resolver's thread, never from the one
/// that drains the ring buffer. Not thread-safe. Files that cannot be read are as if absent.
class CodeOrigin {
 public:
  CodeOrigin(ProcessCode process, OriginOptions options);
  ~CodeOrigin();
  CodeOrigin(CodeOrigin&&) noexcept;
  CodeOrigin& operator=(CodeOrigin&&) noexcept;

  /// `filename` is the raw co_filename.
  Origin classify(std::string_view filename);

  /// The standard library's folder: as given, or as found from the paths seen so far; else empty.
  const std::string& stdlib_dir() const { return process_.stdlib_dir; }

 private:
  Origin classify_special(std::string_view filename) const;
  Origin classify_in_site(const std::string& site_dir, std::string_view below);
  Origin classify_elsewhere(const std::string& path);
  bool is_stdlib(const std::string& path);
  bool is_stdlib_dir(const std::string& directory);
  bool is_configured(std::string_view below) const;
  InstalledPackages& packages(const std::string& directory);

  ProcessCode process_;
  OriginOptions options_;
  std::map<std::string, std::unique_ptr<InstalledPackages>> packages_;
  std::map<std::string, bool> stdlib_dirs_;
};

}  // namespace loopstall::stacks
