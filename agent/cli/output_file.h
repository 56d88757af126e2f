// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace loopstall::cli {

/// A file that is written at the end of something long: whether it can be is found at the
/// beginning. One that was made and not written goes away with this object.
class OutputFile {
 public:
  /// Fails with ErrorKind::usage.
  static base::Result<OutputFile> open(const std::string& path);
  ~OutputFile();
  OutputFile(OutputFile&&) noexcept = default;
  OutputFile& operator=(OutputFile&&) noexcept = default;

  /// Replaces what it held. Fails with ErrorKind::environment (a full disk).
  base::Result<void> write(const std::string& text);

 private:
  OutputFile(std::string path, base::UniqueFd file, bool is_new);

  std::string path_;  // empty after a move
  base::UniqueFd file_;
  bool is_new_ = false;
};

}  // namespace loopstall::cli
