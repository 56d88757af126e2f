// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace loopstall::config {

/// What a configuration file says of one option.
struct FileValue {
  std::vector<std::string> values;  ///< one, but for options that may be given again
  int line = 0;
};

/// By the option's name, the flag without its dashes.
using FileValues = std::map<std::string, FileValue>;

/// An option that a file may set.
struct FileKey {
  std::string name;
  bool repeated = false;  ///< its value may be a list
};

/// Reads YAML, one key for each option:
///
///     stall-threshold: 200ms
///     transparent: [Client.get, retry]
///
/// Fails with ErrorKind::usage, one sentence with the line: no such YAML, a key that there is not
/// (with the nearest that there is), one that is given twice, a list where there is one value.
base::Result<FileValues> read_config_file(const std::string& text,
                                          const std::vector<FileKey>& keys);

}  // namespace loopstall::config
