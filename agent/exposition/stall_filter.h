// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "stalls/stall_record.h"

namespace loopstall::exposition {

/// Which stalls are asked for: exact names; none lets all through.
struct StallFilter {
  std::size_t limit = 1000;
  std::optional<std::string> process;
  std::optional<std::string> pod;
  std::optional<std::string> cause;

  bool accepts(const stalls::StallRecord& record) const {
    return (!process || record.labels.process == *process) && (!pod || record.labels.pod == *pod) &&
           (!cause || stalls::cause_name(record.cause) == *cause);
  }
};

}  // namespace loopstall::exposition
