// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace loopstall::config {

/// A function that a team lets hold its loops, for a reason and until a day.
struct Allowance {
  std::string function;  ///< qualified name
  std::string file;      ///< path from the import root; empty: any
  std::string reason;
  std::string expires;  ///< YYYY-MM-DD, the last day
};

/// Reads YAML:
///
///     allow:
///       - function: LegacyReport.render
///         file: app/reports.py      # may be left out
///         reason: moves to a worker with release 12
///         expires: 2027-01-31
///
/// Fails with ErrorKind::usage, one sentence with the line: not such YAML, an unknown key, no
/// reason, no day.
base::Result<std::vector<Allowance>> read_allow_list(const std::string& text);

}  // namespace loopstall::config
