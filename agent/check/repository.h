// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "check/judgement.h"

namespace loopstall::check {

/// The folder with .git above `start`, or `start` itself. Reads the file system.
std::filesystem::path repository_above(const std::filesystem::path& start);

/// The finding's file relative to the repository: its raw path, where that lies inside; else the
/// longest end of it that is a file there, for a service runs in a container under another path;
/// else its path from the import root. Empty for reserved names.
std::string path_in(const std::filesystem::path& repository, const Finding& finding);

}  // namespace loopstall::check
