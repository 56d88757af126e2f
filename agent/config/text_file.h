// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace loopstall::config {

/// What a file of the user holds, at most 1 MB. `name` is the option that names the file. Fails
/// with ErrorKind::usage.
base::Result<std::string> text_file(std::string_view name, const std::string& path);

}  // namespace loopstall::config
