// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace YAML {
class Node;
}

namespace loopstall::config {

/// One member of an entry. Its errors need no line.
using TakeMember =
    std::function<base::Result<void>(const std::string& key, const YAML::Node& value)>;
/// An entry is complete. Likewise.
using EndEntry = std::function<base::Result<void>(int line)>;

/// Reads YAML of the form `KEY: [{...}, {...}]`: each member of each entry goes to `take`, and
/// `end` is called after the last one of each. Fails with ErrorKind::usage, one sentence with the
/// line, about the first that is off.
base::Result<void> read_entries(const std::string& text, const std::string& key,
                                const TakeMember& take, const EndEntry& end);

/// The line of the file that it stands on.
int line_of(const YAML::Node& node);

/// The text of a scalar. Fails when it is none.
base::Result<std::string> scalar(const std::string& key, const YAML::Node& value);

}  // namespace loopstall::config
