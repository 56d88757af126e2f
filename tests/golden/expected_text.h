// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace loopstall::golden {

/// With UPDATE_GOLDEN=1 expected texts are written; read the difference before committing it.
bool is_updating();

/// Compares with the file, or writes it.
void expect_as_recorded(const std::filesystem::path& path, const std::string& text);

/// The names of the folder's files with that extension, without it, in order.
std::vector<std::string> names_in(const std::filesystem::path& folder,
                                  const std::string& extension);

}  // namespace loopstall::golden
