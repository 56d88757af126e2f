// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace loopstall::config {

/// A team's own word on what to do about a hold.
struct AdviceEntry {
  std::string library;              ///< a package ("soap/") or file ("soap.py"); empty: any
  std::string function;             ///< qualified name; empty: any of the library
  std::vector<std::string> causes;  ///< names of causes; none: any
  std::string text;                 ///< {function} stands for the blamed function
  int line = 0;                     ///< in the file
};

/// Reads YAML:
///
///     advice:
///       - library: soap/              # or function:, or both
///         function: Client.call
///         causes: [network, sleep]    # may be left out
///         text: "{function} calls the SOAP client. Use soap.aio."
///
/// Fails with ErrorKind::usage, one sentence with the line: no such YAML, an unknown key, neither
/// library nor function, a text that is missing or too long.
base::Result<std::vector<AdviceEntry>> read_advice_file(const std::string& text);

}  // namespace loopstall::config
