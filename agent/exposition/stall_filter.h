// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "stalls/snapshot.h"

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

/// The snapshot's, newest first, as many as the limit permits.
inline std::vector<const stalls::StallRecord*> selected(const stalls::Snapshot& snapshot,
                                                        const StallFilter& filter) {
  std::vector<const stalls::StallRecord*> records;
  for (const auto& record : snapshot.stalls) {
    if (records.size() == filter.limit) break;
    if (filter.accepts(*record)) records.push_back(record.get());
  }
  return records;
}

}  // namespace loopstall::exposition
